"""The stage is `bedside.stages.report`; by this name it is started from the project's folder."""

from bedside.stages.report import Report, report

__all__ = ["Report", "report"]

if __name__ == "__main__":
    report.main()
