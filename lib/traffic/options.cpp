#include "traffic/options.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "options/fields.hpp"

namespace nn::traffic {

options::List option_list(TrafficOptions& o) {
  options::List list;
  options::Group group(list, "Traffic", options::Effect::local);
  group.add(
      {.name = "split",
       .value = "MODEL:ARM=WEIGHT,…",
       .help = "Share out requests that name no version: iris:stable=95,canary=5 (repeatable)",
       .text = "Share out a model's requests that name no version among arms, by weights of any scale.\n"
               "An arm is a label, `version:`*n*, or another model: `model:`*name*`/`*n*.\n"
               "May be given several times, for one model each.\n"
               "A file `traffic.toml` in the model's folder takes the place of it."},
      options::each(o.splits, parse_split));
  group.add(
      {.name = "sticky",
       .value = "KEY",
       .help = "Who gets the same arm again: header:NAME, cookie:NAME, query:NAME, id, ip, input",
       .text = "What of a request decides about its arm, so that who sends it again gets the same one: "
               "`header:`*name*, `cookie:`*name*, `set-cookie:`*name* (a cookie that is given to who has "
               "none), `query:`*name*, `id` (of the request), `ip` (the client's address), `input` "
               "(the rows).\nBy default it is chosen at random for each request."},
      options::parsed(o.key, parse_key, options::Kind::text,
                      {"header:", "cookie:", "set-cookie:", "query:", "id", "ip", "input"}));
  group.add({.name = "shadow",
             .value = "MODEL:ARM=PERCENT%",
             .help = "Run a share of the requests there too, unseen: iris:canary=20% (repeatable)",
             .text = "Run a share of a model's requests through an arm as well, after they are answered, and "
                     "compare what it says; clients don't see it.\n"
                     "May be given several times, for one model each."},
            options::each(o.shadows, parse_model_shadow));
  return list;
}

std::map<std::string, TrafficPlan, std::less<>> plans(const TrafficOptions& o) {
  std::map<std::string, TrafficPlan, std::less<>> plans;
  for (const auto& [model, arms] : o.splits) {
    TrafficPlan& plan = plans[model];
    if (!plan.arms.empty()) fail_usage("--split names the model '{}' twice", printable(model));
    plan.arms = arms;
  }
  for (const auto& [model, shadow] : o.shadows) {
    TrafficPlan& plan = plans[model];
    if (plan.shadow) fail_usage("--shadow names the model '{}' twice", printable(model));
    plan.shadow = shadow;
  }
  for (auto& [model, plan] : plans) plan.key = o.key;
  return plans;
}

}  // namespace nn::traffic
