#include "serve/reports.hpp"

#include <fmt/format.h>

#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "inference/describe.hpp"
#include "inference/grpc_describe.hpp"
#include "serve/metrics.hpp"
#include "serve/questions.hpp"
#include "serve/reporter.hpp"
#include "serve/status.hpp"

namespace nn::serve {

using inference::Failure;

// What goes into the response.
struct Report {
  std::string body = {};
  std::string_view content_type = "application/json";
  std::vector<std::pair<std::string_view, std::string>> fields = {};
  std::optional<Fault> fault = {};
};

namespace {

// What was asked, without the exchange, which is its connection's thread's.
struct Question {
  Action action = Action::nothing;
  bool grpc = false;
  std::string model;
  std::uint64_t version = 0;
  std::string accept;
};

constexpr std::size_t quickly_compressed = 64 << 10;  // bytes, in less than a millisecond

Report tell_metrics(const Service& service, const Question& question) {
  MetricsPage page = metrics_page(service, wants_open_metrics(question.accept));
  return {std::move(page.text), page.content_type};
}

Report tell_statistics(const Service& service, const Question& question) {
  auto catalog = service.catalog.get();
  if (!question.model.empty() && catalog->models.find(question.model) == nullptr) {
    throw Fault{Failure::not_found, inference::v2_no_model(question.model, question.version)};
  }
  const Statistics statistics = statistics_of(service.operations.counters.totals(), std::move(catalog),
                                              question.model, question.version);
  Report report;
  if (question.grpc) {
    inference::append_model_statistics(report.body, statistics.models);
  } else {
    inference::append_v2_statistics(report.body, statistics.models);
  }
  return report;
}

std::string make_nonce() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

// Browsers get the page, terminals a text, and programs JSON.
Report tell_status(const Service& service, const Question& question) {
  const ServerStatus status = status_of(service, Clock::machine().now());
  const bool any_form = question.action == Action::status_page;
  Report report;
  if (any_form && question.accept.find("text/html") != std::string::npos) {
    const std::string nonce = make_nonce();
    report.body = status_page(status, nonce);
    report.content_type = "text/html; charset=utf-8";
    report.fields = {{"content-security-policy", status_policy(nonce)},
                     {"x-content-type-options", "nosniff"},
                     {"referrer-policy", "no-referrer"}};
  } else if (any_form && question.accept.starts_with("text/plain")) {
    report.body = status_text(status);
    report.content_type = "text/plain; charset=utf-8";
  } else {
    report.body = status_json(status);
  }
  report.fields.emplace_back("cache-control", "no-store");
  return report;
}

Report report_of(const Service& service, const Question& question) {
  Report report;
  try {
    switch (question.action) {
      case Action::metrics: return tell_metrics(service, question);
      case Action::stats: return tell_statistics(service, question);
      default: return tell_status(service, question);
    }
  } catch (const Fault& fault) {
    report.fault = fault;
  } catch (...) {
    const Error error = error_of(std::current_exception());
    report.fault = Fault{inference::failure_of(error), error.public_statement()};
  }
  return report;
}

bool is_report(Action action) {
  return action == Action::metrics || action == Action::stats || action == Action::status_page ||
         action == Action::status_json;
}

}  // namespace

Reports::Reports(Service& service, boost::asio::io_context& io, Observer& observer)
    : service_(service),
      observer_(observer),
      mailbox_(std::make_shared<Mailbox>(io, [](serving::Request&) {})) {}

Reports::~Reports() { mailbox_->close(); }

bool Reports::start(http::Exchange& exchange, Call& call) {
  if (!is_report(call.route.action)) return false;
  take_model(exchange, call.route);
  Question question{call.route.action, exchange.head().grpc, call.route.model, call.route.version,
                    std::string(exchange.head().fields.find("accept").value_or(""))};
  service_.reporter.post([this, mailbox = mailbox_, &service = std::as_const(service_),
                          held = exchange.shared_from_this(), question = std::move(question)] {
    const auto report = std::make_shared<Report>(report_of(service, question));
    mailbox->post([this, held, report] { finish(*held, static_cast<Call&>(*held->work), *report); });
  });
  return true;
}

void Reports::finish(http::Exchange& exchange, Call& call, Report& report) {
  http::Response& response = exchange.response();
  if (report.fault) {
    fail(exchange, call, *report.fault);
  } else {
    response.body = std::move(report.body);
    response.content_type = report.content_type;
    for (const auto& [name, value] : report.fields) response.fields.add(name, value);
    response.may_compress = response.body.size() <= quickly_compressed;
    call.status = exchange.head().grpc ? 0 : response.status;
  }
  observer_.decorate(exchange, call);
  exchange.send();
}

}  // namespace nn::serve
