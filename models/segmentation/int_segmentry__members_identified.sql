select
    members.customer_id,
    members.cluster,
    matches.segment_id,
    names.segment_name,
    members.membership_score,
    members.is_boundary
from {{ ref('int_segmentry__members_assigned') }} as members
inner join {{ ref('int_segmentry__segments_matched') }} as matches
    on members.cluster = matches.cluster
inner join {{ ref('int_segmentry__segments_named') }} as names
    on members.cluster = names.cluster
