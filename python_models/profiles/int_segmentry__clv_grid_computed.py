from segmentry.value import clv_grid


def model(dbt, session):
    meta = dbt.config.get("meta")
    inputs = dbt.ref("int_segmentry__clv_inputs_counted").df()
    fit = dbt.ref("int_segmentry__clv_fitted").df()
    return clv_grid(inputs, fit, int(meta["segmentry_clv_horizon_days"]))
