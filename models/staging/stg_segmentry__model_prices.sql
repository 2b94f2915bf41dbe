select
    trim(cast(model as {{ dbt.type_string() }})) as model,
    cast(prompt_price as decimal(18, 6)) as prompt_price,
    cast(cached_prompt_price as decimal(18, 6)) as cached_prompt_price,
    cast(completion_price as decimal(18, 6)) as completion_price
from {{ var('segmentry_model_prices') }}
