from segmentry.engines.frames import frame
from segmentry.value import fit_clv


def model(dbt, session):
    meta = dbt.config.get("meta")
    inputs = dbt.ref("int_segmentry__clv_inputs_sampled")
    histories = frame(inputs, ["repeat_count", "active_days", "observed_days", "repeat_spend"])
    return fit_clv(histories, meta["segmentry_clv_method"], meta["segmentry_churn_method"])
