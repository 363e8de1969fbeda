#include "serve/status.hpp"

#include <nlohmann/json.hpp>

#include "../serving/fake_servable.hpp"
#include "base/text.hpp"
#include "catch.hpp"
#include "serve/served.hpp"
#include "serve/status_charts.hpp"

using namespace nn;
using namespace nn::serve;

namespace {

ServerStatus some_status() {
  ServerStatus status;
  status.ready = true;
  status.uptime_s = 754;
  status.requests = 1234;
  status.now = Clock::time_point(std::chrono::seconds(1000));
  ModelStatus model;
  model.name = "<b>\"&'\x1b[31m";
  VersionStatus version;
  version.number = 3;
  version.state = "AVAILABLE";
  version.labels = "stable";
  version.requests = 1200;
  version.p50_us = 350;
  version.p99_us = 12'000;
  TimeHistogram times;
  for (int i = 0; i < 1000; ++i) times.add(std::chrono::microseconds(10 * i));
  version.times.add(times);
  serving::DeviceLoad load;
  load.device = "cpu:0";
  load.curve = {{1, 50e-6}, {2, 55e-6}, {4, 60e-6}, {64, 300e-6}};
  load.best_rows = 32;
  load.mean_rows = 2.5;
  version.load.devices.push_back(load);
  model.versions.push_back(version);
  model.live = 3;
  VersionStatus broken;
  broken.number = 2;
  broken.state = "END";
  broken.reason = "2/model.nn: not a <model> file";
  model.versions.push_back(broken);
  status.models.push_back(model);
  for (int i = 0; i < 50; ++i) {
    status.samples.push_back(
        {status.now - std::chrono::seconds(5 * (50 - i)), 100.0 + i, i == 7 ? 3.0 : 0.0, 300, 2000});
  }
  status.recent.push_back({std::chrono::system_clock::time_point{}, "/v1/<x>", "broken", 500});
  client::WorkerFigures figures;
  figures.requests = 77;
  status.workers.push_back({"unix:/<w>", "nobody listens", 0, figures});
  figures.up = figures.out = true;
  status.workers.push_back({"tcp://h:7000", "", 2, figures});
  status.reload.successful = false;
  status.reload.error = "serve.toml:3: wrong";
  return status;
}

}  // namespace

TEST_CASE("the page has all, and names in it are text", "[status]") {
  const std::string page = status_page(some_status(), "abc");
  CHECK(page.find("<b>") == std::string::npos);
  CHECK(page.find('\x1b') == std::string::npos);
  CHECK(page.find("&lt;b&gt;&quot;&amp;&#39;\\x1b[31m") != std::string::npos);
  CHECK(page.find("not a &lt;model&gt; file") != std::string::npos);
  CHECK(page.find("serve.toml:3: wrong") != std::string::npos);
  CHECK(page.find("/v1/&lt;x&gt;") != std::string::npos);
  CHECK(page.find("unix:/&lt;w&gt;") != std::string::npos);
  CHECK(page.find("down: nobody listens") != std::string::npos);
  CHECK(page.find("<script nonce=\"abc\">") != std::string::npos);
  CHECK(page.find("NaN") == std::string::npos);
  CHECK(page.find(" on cpu:0") != std::string::npos);
  CHECK(page.find("http://") == std::string::npos);
  CHECK(page.find("https://") == std::string::npos);
  CHECK_THAT(status_policy("abc"), Catch::Contains("default-src 'none'") && Catch::Contains("'nonce-abc'"));
}

TEST_CASE("several models have an index, whose links lead to them", "[status]") {
  ServerStatus status = some_status();
  CHECK_THAT(status_page(status, "n"), !Catch::Contains("href=\"#m"));
  ModelStatus other;
  other.name = "other";
  other.rate = 12.5;
  status.models.push_back(other);
  const std::string page = status_page(status, "n");
  CHECK_THAT(page, Catch::Contains("<a href=\"#m0\">&lt;b&gt;"));
  CHECK_THAT(page, Catch::Contains("<a href=\"#m1\">other</a></td><td class=\"text\">-</td>"));
  CHECK_THAT(page, Catch::Contains("id=\"m1\"><h2>other</h2>"));
  CHECK_THAT(page, Catch::Contains("<td>12.5</td>"));
}

TEST_CASE("whoever names no version gets the stable one while it is available", "[status]") {
  serving::ModelEntry model;
  CHECK(default_label(model).empty());
  model.labels["stable"] = 2;
  CHECK(default_label(model).empty());
  model.versions[2] = {serving::VersionState::available, std::make_shared<test::FakeServable>("m", 2)};
  CHECK(default_label(model) == "stable");
  model.versions[2].servable = nullptr;
  CHECK(default_label(model).empty());
}

TEST_CASE("the index shows the version that answers whoever names none", "[status]") {
  ServerStatus status = some_status();
  status.models.push_back({});
  ModelStatus& model = status.models.front();
  VersionStatus newer = model.versions.front();
  newer.number = 4;
  newer.labels = "";
  model.versions.insert(model.versions.begin(), newer);
  // It was rolled back by its label, and is still loaded.
  std::string page = status_page(status, "n");
  CHECK_THAT(page,
             Catch::Contains("</a></td><td class=\"text\">3 <span class=\"good\">4 AVAILABLE</span></td>"));
  CHECK(nlohmann::json::parse(status_json(status))["models"][0]["live"] == 3);
  CHECK(!nlohmann::json::parse(status_json(status))["models"][1].contains("live"));
  // Others may answer as well.
  model.traffic.emplace();
  model.traffic->figures.arms = {{"stable", "stable", 0.95}, {"4", "4", 0.05}};
  page = status_page(status, "n");
  CHECK_THAT(page, Catch::Contains("text\">3 <span class=\"soft\">stable 95%, 4 5%</span></td>"));
}

TEST_CASE("a decision is told in words", "[status]") {
  const std::pair<const char*, const char*> table[] = {
      {R"({"time":1764450000.5,"model":"m","version":3,"control":2,"step":0,"verdict":"begin"})",
       "2025-11-29 21:00:00 UTC: version 3 is tried against version 2 with copies of requests"},
      {R"({"time":1764450000,"version":3,"step":5,"verdict":"advance","to":25,"errors":{"canary":[1,200],"control":[0,210]}})",
       "2025-11-29 21:00:00 UTC: version 3 goes on from 5 % of the traffic to 25 %; 1 of its 200 requests "
       "failed, and 0 of the control's 210"},
      {R"({"time":1764450000,"version":3,"step":5,"verdict":"rollback","by":"hand","reason":"a\u001bb"})",
       "2025-11-29 21:00:00 UTC: version 3 was rolled back from 5 % of the traffic, by hand: a\\x1bb"},
      {R"({"time":1764450000,"version":3,"verdict":"promote"})",
       "2025-11-29 21:00:00 UTC: version 3 is the stable one now"},
      // Lines that somebody else wrote.
      {"not a line", "not a line"},
      {R"({"time":1e300,"version":3,"verdict":"hold"})", R"({"time":1e300,"version":3,"verdict":"hold"})"},
      {R"({"time":"x","verdict":7})", R"({"time":"x","verdict":7})"},
      {R"([1])", "[1]"}};
  for (const auto& [line, words] : table) {
    INFO(line);
    CHECK(decision_text(line) == words);
  }
}

TEST_CASE("requests a second of models are those of the last step", "[status]") {
  History history;
  const auto at = [](int s) { return Clock::time_point(std::chrono::seconds(100 + s)); };
  const auto of = [](std::uint64_t ended) {
    VersionTotals totals;
    totals.model = "m";
    totals.ended = ended;
    return totals;
  };
  history.sample_models({of(100)}, at(0));
  CHECK(history.rates().at("m") == 0);
  history.sample_models({of(100), of(50)}, at(5));
  CHECK(history.rates().at("m") == 10);
  history.sample_models({of(50)}, at(10));  // a version is gone
  CHECK(history.rates().at("m") == 0);
}

TEST_CASE("a server that has done nothing yet has a page, too", "[status]") {
  ServerStatus status;
  CHECK(status_page(status, "n").find("not ready") != std::string::npos);
  CHECK(status_text(status).find("not ready") != std::string::npos);
  CHECK(nlohmann::json::parse(status_json(status))["models"].empty());
  CHECK(histogram_chart({}).ends_with("</svg>"));
  CHECK(batch_chart({}, {}).ends_with("</svg>"));
}

TEST_CASE("JSON and text say the same", "[status]") {
  const ServerStatus status = some_status();
  const auto json = nlohmann::json::parse(status_json(status));
  CHECK(json["status"] == "alive");
  CHECK(json["ready"] == true);
  CHECK(json["models"][0]["versions"][0]["p99_us"] == 12000);
  CHECK(json["models"][0]["versions"][1]["reason"] == "2/model.nn: not a <model> file");
  CHECK(json["models"][0]["versions"][0]["devices"][0]["best_rows"] == 32);
  CHECK(json["history"].size() == 50);
  CHECK(json["workers"][0]["error"] == "nobody listens");
  CHECK(json["workers"][1]["left_out"] == true);
  const std::string text = status_text(status);
  CHECK_THAT(text, Catch::Contains("ready  up 12:34"));
  CHECK_THAT(text, Catch::Contains("AVAILABLE stable"));
  CHECK_THAT(text, Catch::Contains("350 us"));
  CHECK_THAT(text, Catch::Contains("unix:/<w>                down"));
  CHECK_THAT(text, Catch::Contains("tcp://h:7000             left out"));
  CHECK_THAT(text, Catch::Contains("12 ms"));
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("lines of text fit a terminal, and reasons are whole", "[status]") {
  ServerStatus status = some_status();
  status.models[0].versions[0].requests = 1'234'567'890;
  status.models[0].versions[0].p99_us = 999'700;
  std::string reason;
  for (int i = 0; i < 30; ++i) reason += "word" + std::to_string(i) + " ";
  status.models[0].versions[1].reason = reason;
  status.models[0].versions[0].load.devices[0].member = "a<b>.nn";
  const std::string text = status_text(status);
  for (const std::string& line : split_lines(text)) {
    INFO(line);
    CHECK(line.size() < 80);
  }
  for (int i = 0; i < 30; ++i) CHECK_THAT(text, Catch::Contains("word" + std::to_string(i)));
  CHECK_THAT(text, Catch::Contains("member a<b>.nn, cpu:0"));
  CHECK_THAT(status_page(status, "n"), Catch::Contains("Version 3, member a&lt;b&gt;.nn on cpu:0"));
}
