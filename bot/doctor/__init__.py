"""``xiaoer doctor``: what is wrong with this shop's installation, in the order WeCom hides it, and what to do."""

from bot.doctor.findings import Finding, State, worst
from bot.doctor.run import run_checks, run_doctor
from bot.doctor.services import DoctorServices, open_services
from bot.doctor.table import print_findings

__all__ = [
    "DoctorServices",
    "Finding",
    "State",
    "open_services",
    "print_findings",
    "run_checks",
    "run_doctor",
    "worst",
]
