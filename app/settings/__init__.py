"""The only reader of the environment: read once, cast here, and from then on a fact.

Each setting names its environment variable, its default and what it means; the command line offers the same
settings as options, so that `tideline COMMAND --help` is the configuration reference. An option wins over its
variable. The connection to Temporal follows Temporal's own environment configuration
(`temporalio.envconfig`), so that what works for the `temporal` command line works here.
"""

from app.settings.dev import DevSettings
from app.settings.process import Settings
from app.settings.reading import cast_setting, environment_of_child, is_secret
from app.settings.temporal import temporal_connection

__all__ = ["DevSettings", "Settings", "cast_setting", "environment_of_child", "is_secret", "temporal_connection"]
