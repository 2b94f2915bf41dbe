-- UCI "Online Retail" (Chen 2015, CC BY 4.0) as Segmentry events: one event per order line.
-- The lines carry the money, since this source has no row per order; order ids that start with C are refunds.
-- The table has no channel and no visits, so neither has the result. Times are local, UK: --vars '{segmentry_input_time_zone: Europe/London, ...}'.
select
    cast(customer_id as varchar) as customer_id,
    event_time as event_at,
    case when order_id like 'C%' then 'refund' else 'purchase_item' end as event_type,
    order_id,
    product_id,
    case
        when regexp_matches(description, 'CHRISTMAS|XMAS|ADVENT|SANTA|REINDEER') then 'Christmas'
        when regexp_matches(description, 'BAG|SHOPPER|PURSE|WALLET') then 'Bags'
        when regexp_matches(description, 'CAKE|TEA|MUG|CUP|BOWL|PLATE|KITCHEN|PANTRY|JAM|BAKING|SPOON|LUNCH|APRON|RECIPE|GLASS') then 'Kitchen'
        when regexp_matches(description, 'CANDLE|T-LIGHT|LANTERN|LAMP|LIGHT|INCENSE') then 'Candles and lights'
        when regexp_matches(description, 'PARTY|BUNTING|BALLOON|CARD|WRAP|PAPER|RIBBON|STICKER|TISSUE|NAPKIN') then 'Party and paper'
        when regexp_matches(description, 'GARDEN|FLOWER|PLANT|BIRD|HERB|WATERING') then 'Garden'
        when regexp_matches(description, 'CHILD|KIDS|TOY|DOLL|GAME|PUZZLE|SPACEBOY|DOLLY|CIRCUS|PLAYHOUSE') then 'Children'
        when regexp_matches(description, 'NECKLACE|EARRING|BRACELET|RING|JEWEL|HAIR') then 'Jewellery'
        when regexp_matches(description, 'SIGN|FRAME|HEART|HOOK|CLOCK|MIRROR|CUSHION|DRAWER|CABINET|BOX|TIN|BASKET|DOORMAT') then 'Home'
        else 'Other'
    end as category,
    abs(quantity) as quantity,
    cast(round(abs(quantity) * unit_price, 2) as decimal(18, 2)) as amount,
    'GBP' as currency,
from lines
