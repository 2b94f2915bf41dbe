-- Off by default: models of Segmentry that are not marts may change without notice, and dbt refuses to read them.
{{ config(enabled=var('shop_reads_private', false)) }}

select * from {{ ref('segmentry', 'int_segmentry__profiles_joined') }}
