from segmentry.value import clv_grid


def model(dbt, session):
    meta = dbt.config.get("meta")
    inputs = dbt.ref("int_segmentry__clv_inputs_counted")
    histories = inputs.project("repeat_count, observed_days").distinct().df()
    fit = dbt.ref("int_segmentry__clv_fitted").df()
    return clv_grid(histories, fit, int(meta["segmentry_clv_horizon_days"]))
