-- The one place that says by which channel a customer would be contacted, and whether that is allowed.
with segment_channels as (
    select
        segment_id,
        candidate as channel
    from {{ ref('int_segmentry__actions_scored') }}
    where dimension = 'how' and candidate_rank = 1 and is_actionable
),

contacts as (
    select
        identified.customer_id,
        identified.segment_id,
        identified.segment_name,
        coalesce(segment_channels.channel, {{ segmentry.contact_channel('profiles.top_channel') }}) as channel
    from {{ ref('int_segmentry__members_identified') }} as identified
    inner join {{ ref('int_segmentry__profiles_joined') }} as profiles
        on identified.customer_id = profiles.customer_id
    left outer join segment_channels
        on identified.segment_id = segment_channels.segment_id
),

-- A no on any id that was merged into a customer holds for the customer.
refusals as (
    select
        coalesce(merge_map.customer_id, consents.id) as customer_id,
        consents.channel
    from {{ ref('stg_segmentry__consents') }} as consents
    left outer join {{ ref('int_segmentry__merge_map_resolved') }} as merge_map
        on consents.id = merge_map.id
    where not consents.is_contactable
),

-- Where the channel is not known, any no counts.
refused as (
    select distinct contacts.customer_id
    from contacts
    inner join refusals
        on contacts.customer_id = refusals.customer_id
    where refusals.channel = '*' or contacts.channel is null or refusals.channel = lower(trim(contacts.channel))
)

select
    contacts.customer_id,
    contacts.segment_id,
    contacts.segment_name,
    contacts.channel,
    refused.customer_id is null as is_contactable
from contacts
left outer join refused
    on contacts.customer_id = refused.customer_id
