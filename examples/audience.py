"""From events to the audience of a campaign: who, by which channel, with what, and whom to leave out."""

from pathlib import Path

import segmentry

events, id_history = segmentry.generate_small_dataset(n_customers=800, seed=2)
result = segmentry.run_pipeline(
    segmentry.PipelineConfig(output=Path("campaign")), events=events, id_history=id_history
)

# Only segments that are valid, actionable and tested have an audience.
for segment in result.segments:
    viability = result.viability[segment.segment_id]
    against = "; ".join(viability.rejection_reasons) or "nothing against it"
    print(f"{segment.name}: {viability.decision}, {against}")
ready = result.production_ready_segments
if not ready:
    raise SystemExit(
        "No segment is ready to act on, so there is no audience. The report says what is missing."
    )

best = max(ready, key=lambda segment: segment.total_clv)
explanation = result.explanations[best.segment_id]
print(f"\n{explanation.headline}\n{explanation.campaign_recommendation}\n{explanation.roi_expectation}")

audience = result.tables["segment_audiences"]
audience = audience[audience["segment_id"] == best.segment_id]
to_contact = audience[~audience["is_holdout"]]
to_contact.drop(columns=["is_holdout", "run_id"]).to_csv("audience.csv", index=False)
# Contact only those in the file. Later, compare what they buy with what the control group buys.
print(f"audience.csv: {len(to_contact):,} customers; control group: {len(audience) - len(to_contact):,}")
