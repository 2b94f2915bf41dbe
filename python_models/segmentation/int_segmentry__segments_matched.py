from segmentry.engines.frames import frame
from segmentry.matching import keep_segments, match_segments


def model(dbt, session):
    clusters = frame(dbt.ref("int_segmentry__clusters_sized"))
    kept = frame(dbt.ref("int_segmentry__earlier_centroids"), ["cluster", "segment_id"], distinct=True)
    if len(kept):
        return keep_segments(clusters, kept)
    overlaps = frame(dbt.ref("int_segmentry__overlaps_counted"))
    earlier_numbers = frame(dbt.ref("int_segmentry__earlier_segments"))["segment_number"]
    return match_segments(clusters, overlaps, int(earlier_numbers.max()) if len(earlier_numbers) else 0)
