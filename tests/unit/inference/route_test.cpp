// Paths of the REST protocols.
#include "inference/route.hpp"

#include "base/error.hpp"
#include "catch.hpp"

namespace nn::inference {
namespace {

using Kind = Route::Kind;
struct RouteCase {
  const char* path;
  Kind kind;
  const char* model = "";
  std::uint64_t version = 0;
  const char* label = "";
};

// clang-format off
const RouteCase routes[] = {
    {"/", Kind::other}, {"/metrics", Kind::other}, {"", Kind::other}, {"/v3/models", Kind::other}, {"/v1x", Kind::other},
    {"/v1/models", Kind::v1_models}, {"/V1/Models", Kind::v1_models},
    {"/v1/models/iris", Kind::v1_status, "iris"},
    {"/v1/models/iris/versions/3", Kind::v1_status, "iris", 3},
    {"/v1/models/iris/versions/0", Kind::v1_status, "iris", 0},
    {"/v1/models/iris/labels/canary", Kind::v1_status, "iris", 0, "canary"},
    {"/v1/models/iris/metadata", Kind::v1_metadata, "iris"},
    {"/v1/models/iris/versions/3/metadata", Kind::v1_metadata, "iris", 3},
    {"/v1/models/iris/labels/a/metadata", Kind::v1_metadata, "iris", 0, "a"},
    {"/v1/models/metadata", Kind::v1_status, "metadata"},
    {"/v1/models/iris:predict", Kind::v1_predict, "iris"},
    {"/v1/models/iris:PREDICT", Kind::v1_predict, "iris"},
    {"/v1/models/iris/versions/3:predict", Kind::v1_predict, "iris", 3},
    {"/v1/models/iris/labels/stable:classify", Kind::v1_classify, "iris", 0, "stable"},
    {"/v1/models/iris:regress", Kind::v1_regress, "iris"},
    {"/v1/models/iris:explain", Kind::v1_explain, "iris"},
    {"/v1/models/a%20b%C3%A9:predict", Kind::v1_predict, "a b\xc3\xa9"},
    {"/v1", Kind::v1_malformed}, {"/v1/", Kind::v1_malformed}, {"/v1/foo", Kind::v1_malformed},
    {"/v1/models/", Kind::v1_malformed}, {"/v1/models/:predict", Kind::v1_malformed},
    {"/v1/models/iris:foo", Kind::v1_malformed}, {"/v1/models/iris/", Kind::v1_malformed},
    {"/v1/models/iris/versions", Kind::v1_malformed}, {"/v1/models/iris/versions/", Kind::v1_malformed},
    {"/v1/models/iris/versions/x", Kind::v1_malformed}, {"/v1/models/iris/versions/-1", Kind::v1_malformed},
    {"/v1/models/iris/versions/3/labels/a", Kind::v1_malformed}, {"/v1/models/iris/foo/3", Kind::v1_malformed},
    {"/v1/models/i:r/versions/3", Kind::v1_malformed}, {"/v1/models/a/b/c/d/e/f/g/h/i", Kind::v1_malformed},
    {"/v2", Kind::v2_server}, {"/v2/", Kind::v2_server},
    {"/v2/health/live", Kind::v2_live}, {"/v2/health/ready", Kind::v2_ready},
    {"/v2/models/m", Kind::v2_model, "m"}, {"/v2/models/m/versions/3", Kind::v2_model, "m", 3},
    {"/v2/models/m/ready", Kind::v2_model_ready, "m"}, {"/v2/models/m/versions/3/ready", Kind::v2_model_ready, "m", 3},
    {"/v2/models/m/infer", Kind::v2_infer, "m"}, {"/v2/models/m/versions/3/infer", Kind::v2_infer, "m", 3},
    {"/v2/models/m/config", Kind::v2_config, "m"}, {"/v2/models/m/stats", Kind::v2_stats, "m"},
    {"/v2/models/stats", Kind::v2_all_stats}, {"/v2/repository/index", Kind::v2_index},
    {"/v2/repository/models/m/load", Kind::v2_load, "m"}, {"/v2/repository/models/m/unload", Kind::v2_unload, "m"},
    {"/v2/foo", Kind::v2_unknown}, {"/v2/health", Kind::v2_unknown}, {"/v2/health/", Kind::v2_unknown},
    {"/v2/models", Kind::v2_unknown}, {"/v2/models/", Kind::v2_unknown}, {"/v2/models/m/", Kind::v2_unknown},
    {"/v2/models/m/infer/", Kind::v2_unknown}, {"/v2/models/m/versions/x/infer", Kind::v2_unknown},
    {"/v2/models/m/foo", Kind::v2_unknown}, {"/v2/repository/models/m", Kind::v2_unknown},
    {"/v2/trace/setting", Kind::v2_unknown}, {"/v2/systemsharedmemory/status", Kind::v2_unknown},
};
// clang-format on

TEST_CASE("paths of REST protocols") {
  Route route;
  for (const RouteCase& its : routes) {
    INFO(its.path);
    parse_route(its.path, route);
    CHECK(static_cast<int>(route.kind) == static_cast<int>(its.kind));
    const bool known = its.kind != Kind::v1_malformed && its.kind != Kind::v2_unknown;
    if (!known) continue;
    CHECK(route.model == its.model);
    CHECK(route.version == its.version);
    CHECK(route.label == its.label);
  }
  parse_route("/v1/models/m:predict", route);
  CHECK((route.v1() && !route.v2() && route.allow() == "POST"));
  parse_route("/v2/models/m", route);
  CHECK((!route.v1() && route.v2() && route.allow() == "GET, HEAD"));
}

TEST_CASE("names and versions in paths that can't be are refused") {
  Route route;
  for (const char* path : {"/v1/models/a%2Fb:predict", "/v2/models/a%2fb/infer", "/v2/models/../infer",
                           "/v1/models/%2e%2e:predict", "/v2/models/a%/infer", "/v2/models/a%zz/infer",
                           "/v2/models/a%4", "/v2/models/%00/infer", "/v2/models/%ff/infer"}) {
    INFO(path);
    CHECK_THROWS_AS(parse_route(path, route), Error);
  }
  CHECK_THROWS_WITH(parse_route("/v1/models/m/versions/99999999999999999999:predict", route),
                    "Failed to convert version: 99999999999999999999 to numeric.");
  CHECK_THROWS_AS(parse_route("/v2/models/" + std::string(300, 'a'), route), Error);
}

}  // namespace
}  // namespace nn::inference
