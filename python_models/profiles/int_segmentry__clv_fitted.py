from segmentry.value import fit_clv


def model(dbt, session):
    meta = dbt.config.get("meta")
    inputs = dbt.ref("int_segmentry__clv_inputs_counted").df()
    return fit_clv(inputs, meta["segmentry_clv_method"], meta["segmentry_churn_method"])
