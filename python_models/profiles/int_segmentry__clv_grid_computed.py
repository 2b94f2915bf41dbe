from segmentry.engines.frames import frame
from segmentry.value import clv_grid


def model(dbt, session):
    meta = dbt.config.get("meta")
    inputs = dbt.ref("int_segmentry__clv_inputs_counted")
    histories = frame(inputs, ["repeat_count", "observed_days"], distinct=True)
    fit = frame(dbt.ref("int_segmentry__clv_fitted"))
    return clv_grid(histories, fit, int(meta["segmentry_clv_horizon_days"]))
