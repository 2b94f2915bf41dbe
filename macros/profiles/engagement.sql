{# What a customer does on the site. A visit is a session with more than orders in it: a source that knows orders alone has none.
   A cart is abandoned when neither its session nor the next one has an order.
   Grain: `keys`; customers without a session have no row. #}
{% macro engagement(sessions, keys) -%}
    {%- set key_list = keys | join(', ') -%}
    with followed_sessions as (
        select
            sessions.*,
            lead(has_order) over (partition by {{ key_list }} order by started_at, session_key) as next_has_order
        from {{ sessions }} as sessions
    )

    select
        {{ key_list }},
        cast(count(*) as {{ dbt.type_bigint() }}) as session_count,
        cast(sum(is_visit) as {{ dbt.type_bigint() }}) as visit_count,
        cast(sum(page_view_count) as {{ dbt.type_bigint() }}) as page_views,
        cast(sum(item_view_count) as {{ dbt.type_bigint() }}) as items_viewed,
        cast(sum(cart_addition_count) as {{ dbt.type_bigint() }}) as cart_additions,
        cast(sum({{ dbt.datediff("started_at", "ended_at", "second") }}) as {{ dbt.type_bigint() }}) as session_seconds,
        cast(count(case when page_view_count <= 1 and has_order = 0 then 1 end) as {{ dbt.type_bigint() }}) as bounce_count,
        cast(count(case when cart_addition_count > 0 then 1 end) as {{ dbt.type_bigint() }}) as cart_session_count,
        cast(count(case when cart_addition_count > 0 and has_order = 0 and coalesce(next_has_order, 0) = 0 then 1 end) as {{ dbt.type_bigint() }}) as abandoned_cart_count,
        cast(count(case when {{ segmentry.iso_weekday('started_local_at') }} >= 6 then 1 end) as {{ dbt.type_bigint() }}) as weekend_session_count
    from followed_sessions
    group by {{ key_list }}
{%- endmacro %}
