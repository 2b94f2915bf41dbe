from segmentry.matching import match_segments


def model(dbt, session):
    clusters = dbt.ref("int_segmentry__clusters_sized").df()
    overlaps = dbt.ref("int_segmentry__overlaps_counted").df()
    earlier_numbers = dbt.ref("int_segmentry__earlier_segments").df()["segment_number"]
    return match_segments(clusters, overlaps, int(earlier_numbers.max()) if len(earlier_numbers) else 0)
