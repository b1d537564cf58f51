"""Which build a worker is, and what Temporal does with runs that another build began."""

from __future__ import annotations

from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

from app.errors import ConfigurationError
from app.settings import Settings

_BEHAVIOURS = {
    "off": VersioningBehavior.UNSPECIFIED,
    "auto-upgrade": VersioningBehavior.AUTO_UPGRADE,
    "pinned": VersioningBehavior.PINNED,
}


def deployment_of(settings: Settings) -> WorkerDeploymentConfig | None:
    """None where the build is not named, which leaves the SDK's own id. Raises ConfigurationError."""
    is_versioned = settings.versioning != "off"
    if not settings.build_id:
        if is_versioned:
            raise ConfigurationError(
                f"TIDELINE_VERSIONING is {settings.versioning}, which needs the name of this build: "
                "set TIDELINE_BUILD_ID."
            )
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=settings.deployment, build_id=settings.build_id),
        use_worker_versioning=is_versioned,
        default_versioning_behavior=_BEHAVIOURS[settings.versioning],
    )
