"""A tour in five minutes: invented customers, their segments, and how far to trust them."""

import segmentry

events, id_history = segmentry.generate_small_dataset(n_customers=300)
print(f"{len(events):,} events and {len(id_history):,} merges of ids, such as:")
print(events[["customer_id", "event_at", "event_type", "category", "amount"]].head(3).to_string(index=False))

result = segmentry.quick_segmentation(events, id_history)
print(f"\n{result.summary()}\n")

# What makes each segment different, in real units.
features = result.tables["segment_features"]
distinctive = features[features["is_distinctive"]]
print(distinctive[["segment_name", "feature", "mean", "population_mean", "label"]].to_string(index=False))

# Why a segment is trusted or not: every test, and the rules that it does not pass.
first = result.segments[0]
print(f"\n{first.name}:")
for test in result.robustness[first.segment_id].tests:
    if test.is_deciding:
        print(
            f"  {test.test}: {test.mean_score:.2f}, {test.verdict}" if test.mean_score else f"  {test.reason}"
        )
for check in result.validation[first.segment_id]:
    if not check.is_passed:
        print(f"  {check.rule} ({check.severity}): {check.reason}")
