-- Visits at each step of funnels: `plan` has the goal of each step by number. A step counts at its first time that is
-- later than that of the step before, which leaves the most room for the next one.
WITH plan AS (SELECT unnest({funnels}) AS funnel, unnest({steps}) AS step, unnest({goals}) AS number),
reached AS MATERIALIZED (SELECT number, session_uuid, reached_at FROM ({reached})),
step_1 AS MATERIALIZED (
    SELECT funnel, session_uuid, min(reached_at) AS reached_at
    FROM reached JOIN plan USING (number) WHERE step = 1 GROUP BY ALL
),
step_2 AS MATERIALIZED (
    SELECT funnel, session_uuid, min(reached.reached_at) AS reached_at
    FROM reached JOIN plan USING (number) JOIN step_1 USING (funnel, session_uuid)
    WHERE step = 2 AND reached.reached_at > step_1.reached_at GROUP BY ALL
),
step_3 AS MATERIALIZED (
    SELECT funnel, session_uuid, min(reached.reached_at) AS reached_at
    FROM reached JOIN plan USING (number) JOIN step_2 USING (funnel, session_uuid)
    WHERE step = 3 AND reached.reached_at > step_2.reached_at GROUP BY ALL
),
step_4 AS (
    SELECT DISTINCT funnel, session_uuid
    FROM reached JOIN plan USING (number) JOIN step_3 USING (funnel, session_uuid)
    WHERE step = 4 AND reached.reached_at > step_3.reached_at
)
SELECT funnel, 1 AS step, count(*) FROM step_1 GROUP BY funnel
UNION ALL SELECT funnel, 2, count(*) FROM step_2 GROUP BY funnel
UNION ALL SELECT funnel, 3, count(*) FROM step_3 GROUP BY funnel
UNION ALL SELECT funnel, 4, count(*) FROM step_4 GROUP BY funnel
