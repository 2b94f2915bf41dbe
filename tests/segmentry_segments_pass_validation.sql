-- Findings are rows of segment_validation; this is the alarm. Waive a finding in the table behind segmentry_validation_waivers.
{{ config(severity='warn') }}

select
    segment_id,
    segment_name,
    rule,
    reason
from {{ ref('segmentry__segment_validation') }}
where not is_passed and not is_waived and severity = 'error'
