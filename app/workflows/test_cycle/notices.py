"""What was told to whom, kept in the table `notices`."""

from __future__ import annotations

from app.workflows.failures import not_found_error
from app.workflows.outbound import Connections
from app.workflows.systems import postgres_system
from app.workflows.test_cycle.model import Notice, ReportRef


async def write(ref: ReportRef, notice: Notice, notice_id: str, connections: Connections) -> str:
    """Keep a notice; its recipient's address. Raises ApplicationError."""
    cycle = (ref.tenant_id, ref.environment_id, ref.cycle_id)
    async with postgres_system(connections, ref.connection) as system:
        recipient = notice.recipient or await system.value(
            f"""select manager from "{ref.schema_name}".cycles
                where tenant_id = $1 and environment_id = $2 and cycle_id = $3""",
            *cycle,
        )
        if recipient is None:
            raise not_found_error(f"Cycle {ref.cycle_id} is not in the table cycles, which would say who manages it.")
        await system.rows(
            f"""insert into "{ref.schema_name}".notices
                (tenant_id, environment_id, cycle_id, made_by, notice_id, kind, recipient, subject, text)
                values ($1, $2, $3, $4, $5::uuid, $6, $7, $8, $9) on conflict do nothing""",
            *(*cycle, ref.made_by, notice_id, notice.kind, recipient, notice.subject, notice.text),
        )
    return str(recipient)
