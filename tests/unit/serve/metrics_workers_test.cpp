#include "catch.hpp"
#include "serve/metrics_families.hpp"

using namespace nn;
using namespace nn::serve;
using namespace std::chrono_literals;

TEST_CASE("workers are told by what they do; without any there is no family", "[metrics]") {
  MetricsText none(false);
  add_workers(none, {});
  CHECK(none.take().empty());

  client::WorkerRecord record;
  const Clock::time_point now(1h);
  using Why = client::WorkerRecord::Why;
  record.connected(now, false);
  for (const Why why : {Why::first, Why::retry, Why::first}) record.asked(2, why);
  record.over(2, 63us);
  record.over(2, 64us);
  record.asked(1, Why::first);
  record.over(1, std::nullopt);
  record.hedged(true);
  record.put_out(now);
  MetricsText out(false);
  add_workers(out, {{"unix:/w0.sock", "", 1, record.figures(now)}});
  const std::string text = out.take();
  for (const char* line :
       {"nn_serve_worker_up{worker=\"unix:/w0.sock\"} 1\n",
        "nn_serve_worker_ejected{worker=\"unix:/w0.sock\"} 1\n",
        "nn_serve_worker_ejections_total{worker=\"unix:/w0.sock\"} 1\n",
        "nn_serve_worker_outstanding_requests{worker=\"unix:/w0.sock\"} 1\n",
        "nn_serve_worker_outstanding_rows{worker=\"unix:/w0.sock\"} 2\n",
        "nn_serve_worker_requests_total{worker=\"unix:/w0.sock\"} 4\n",
        "nn_serve_worker_failures_total{worker=\"unix:/w0.sock\"} 1\n",
        "nn_serve_retries_total{worker=\"unix:/w0.sock\"} 1\n",
        "nn_serve_hedges_total{worker=\"unix:/w0.sock\",result=\"won\"} 1\n",
        "nn_serve_hedges_total{worker=\"unix:/w0.sock\",result=\"lost\"} 0\n",
        "nn_serve_worker_request_duration_seconds_bucket{worker=\"unix:/w0.sock\",le=\"6.4e-05\"} 1\n",
        "nn_serve_worker_request_duration_seconds_bucket{worker=\"unix:/w0.sock\",le=\"0.000128\"} 2\n",
        "nn_serve_worker_request_duration_seconds_bucket{worker=\"unix:/w0.sock\",le=\"+Inf\"} 2\n",
        "nn_serve_worker_request_duration_seconds_count{worker=\"unix:/w0.sock\"} 2\n"}) {
    CAPTURE(line);
    CHECK(text.find(line) != std::string::npos);
  }
}
