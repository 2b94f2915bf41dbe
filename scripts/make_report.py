"""Write report.html, report.json and charts/ from a finished warehouse."""

import argparse
import os
import sys
from pathlib import Path

from segmentry.exceptions import SegmentationEngineError
from segmentry.report import generate_segmentation_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    database = Path(os.environ.get("SEGMENTRY_DB", "warehouse.duckdb"))
    parser.add_argument("--database", type=Path, default=database, help="DuckDB file that dbt built")
    parser.add_argument("--output", type=Path, default=Path("output"), help="folder to write to")
    arguments = parser.parse_args()
    try:
        report = generate_segmentation_report(arguments.database, arguments.output)
    except SegmentationEngineError as error:
        sys.exit(f"Error: {error}")
    print(f"{report.headline}. {report.summary}\nReport: {arguments.output / 'report.html'}")


if __name__ == "__main__":
    main()
