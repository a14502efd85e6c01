-- Sessions, bounces and total duration (microseconds) by bucket, of a part of a span.
SELECT {bucket} AS bucket, count(*), count(*) FILTER (is_bounce), sum({duration}) {rows} GROUP BY bucket
