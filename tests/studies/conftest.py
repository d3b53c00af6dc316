"""The run of the small example that the tests of reports make, for studies as well."""

from tests.reports.conftest import small_run

__all__ = ["small_run"]
