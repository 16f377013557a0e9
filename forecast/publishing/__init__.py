"""The unattended job: newest data, the champion or what stands in for it, checks, a release, and word of it."""

from typing import TYPE_CHECKING

from ...data.lazy import lazy_names

if TYPE_CHECKING:
    from .checks import Judgement
    from .job import plan, publish
    from .job_log import JobLog
    from .outcome import Published
    from .upload import upload_releases
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = ["JobLog", "Judgement", "Published", "plan", "publish", "upload_releases"]
