"""One build in a process of its own, for `segmentry.pipeline.run_pipeline`.

The request comes as JSON on standard input. What is said on standard output is one JSON object a line:
``{"progress": line}`` any number of times, then ``{"outcome": ..}`` or ``{"error": name, "message": ..}``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from segmentry.exceptions import SegmentationEngineError


def main() -> None:
    """Read the request, build, say what was found."""
    # Only answers go to the caller; whatever else is printed, by whatever library, is a problem at most.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)

        def say(**answer: Any) -> None:
            print(json.dumps(answer), file=answers, flush=True)

        try:
            say(outcome=_build(json.load(sys.stdin), lambda line: say(progress=line)))
        except SegmentationEngineError as error:
            say(error=type(error).__name__, message=str(error))


def _build(request: dict[str, Any], on_progress: Any) -> dict[str, Any]:
    from segmentry.pipeline import build_from_files

    files = request["files"]
    outcome = build_from_files(
        Path(files["events"]),
        Path(files["id_history"]) if "id_history" in files else None,
        Path(request["work"]),
        database=Path(request["database"]),
        variables=request["variables"],
        on_progress=on_progress,
    )
    timings = {**outcome.layer_seconds, "build": outcome.seconds}
    if request["report"]:
        from segmentry.report import generate_segmentation_report

        started = time.monotonic()
        generate_segmentation_report(outcome.database, request["report"])
        timings["report"] = time.monotonic() - started
        on_progress(f"report ready after {outcome.seconds + timings['report']:.0f} s")
    return {"timings": timings, "warnings": outcome.warnings}


if __name__ == "__main__":
    main()
