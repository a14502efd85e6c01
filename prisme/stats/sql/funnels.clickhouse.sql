-- Visits at each step of funnels: `plan` has the goal of each step by number. A step counts at its first time that is
-- later than that of the step before, which leaves the most room for the next one. What is named in WITH would be
-- counted again at each place that names it: the times of all steps are collected in one pass.
WITH plan AS (
    SELECT place.1 AS funnel, place.2 AS step, place.3 AS number
    FROM (SELECT arrayJoin(arrayZip({funnels}, {steps}, {goals})) AS place)
)
SELECT funnel, arrayJoin(range(1, depth + 1)) AS step, count(*)
FROM (
    SELECT funnel, multiIf(is_begun = 0, 0, empty(second), 1, empty(third), 2, empty(fourth), 3, 4) AS depth
    FROM (
        SELECT funnel, is_begun, second, third, arrayFilter(moment -> moment > third_at, at_fourth) AS fourth
        FROM (
            SELECT funnel, is_begun, second, third, arrayMin(third) AS third_at, at_fourth
            FROM (
                SELECT funnel, is_begun, second, arrayFilter(moment -> moment > second_at, at_third) AS third, at_fourth
                FROM (
                    SELECT funnel, is_begun, second, arrayMin(second) AS second_at, at_third, at_fourth
                    FROM (
                        SELECT funnel, is_begun, arrayFilter(moment -> moment > first_at, at_second) AS second,
                               at_third, at_fourth
                        FROM (
                            SELECT plan.funnel AS funnel, max(plan.step = 1) AS is_begun,
                                   minIf(reached.reached_at, plan.step = 1) AS first_at,
                                   groupArrayIf(reached.reached_at, plan.step = 2) AS at_second,
                                   groupArrayIf(reached.reached_at, plan.step = 3) AS at_third,
                                   groupArrayIf(reached.reached_at, plan.step = 4) AS at_fourth
                            FROM ({reached}) AS reached JOIN plan USING (number)
                            GROUP BY plan.funnel, reached.session_uuid
                        )
                    )
                )
            )
        )
    )
)
GROUP BY funnel, step
