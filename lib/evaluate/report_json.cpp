#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_text.hpp"
#include "evaluate/report.hpp"

namespace nn::evaluate {
namespace {

using Json = nlohmann::ordered_json;

Json value_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json();
}

Json per_class(const Results& results, bool areas) {
  Json list = Json::array();
  for (std::size_t c = 0; c < results.names.size(); ++c) {
    const ClassFigures& figures = results.classes.classes[c];
    Json one = {{"class", results.names[c]}, {"rows", figures.support}, {"answered", figures.answered}};
    if (results.weight) one["weight"] = figures.weight;
    one["precision"] = figures.precision;
    one["recall"] = figures.recall;
    one["f1"] = figures.f1;
    if (areas) {
      one["auc"] = value_or_null(figures.auc);
      one["average_precision"] = value_or_null(figures.average_precision);
    }
    if (results.known > 0 && c >= results.known) one["unknown"] = true;
    list.push_back(std::move(one));
  }
  return list;
}

template <typename T>
Json table_of(const std::vector<T>& values, std::size_t columns) {
  Json table = Json::array();
  for (std::size_t first = 0; first < values.size(); first += columns) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
    table.push_back(std::vector<T>(begin, begin + static_cast<std::ptrdiff_t>(columns)));
  }
  return table;
}

Json values(const Results& results) {
  Json list = Json::array();
  for (std::size_t i = 0; i < results.values.size(); ++i) {
    const ValueReport& value = results.values[i];
    list.push_back({{"value", results.value_names[i]},
                    {"rmse", value_or_null(value.rmse)},
                    {"baseline_rmse", value_or_null(value.baseline_rmse)},
                    {"mae", value_or_null(value.mae)},
                    {"bias", value_or_null(value.bias)},
                    {"r2", value_or_null(value.r2)}});
  }
  return list;
}

Json calibration(const ClassReport& report) {
  Json list = Json::array();
  const auto bins = static_cast<double>(report.bins.size());
  for (std::size_t b = 0; b < report.bins.size(); ++b) {
    const CalibrationBin& bin = report.bins[b];
    Json one = {{"from", static_cast<double>(b) / bins},
                {"to", static_cast<double>(b + 1) / bins},
                {"rows", bin.rows}};
    one["confidence"] = bin.weight > 0 ? Json(bin.confidence) : Json();
    one["accuracy"] = bin.weight > 0 ? Json(bin.accuracy) : Json();
    list.push_back(std::move(one));
  }
  return list;
}

Json thresholds(const Results& results) {
  Json list = Json::array();
  for (const ThresholdFigures& figures : results.thresholds) {
    Json best = Json::array();
    if (figures.best_f1) best.push_back("f1");
    if (figures.best_youden) best.push_back("youden");
    list.push_back({{"threshold", figures.threshold},
                    {"precision", figures.precision},
                    {"recall", figures.recall},
                    {"false_positive_rate", figures.false_positive_rate},
                    {"f1", figures.f1},
                    {"youden", figures.youden},
                    {"accuracy", figures.accuracy},
                    {"best", std::move(best)}});
  }
  return list;
}

Json intervals(const Results& results, const EvaluateOptions& options) {
  Json json = {{"confidence", *options.confidence / 100},
               {"method", "bootstrap percentiles"},
               {"resamples", options.resamples},
               {"seed", options.seed}};
  for (const Figure& figure : results.figures) {
    if (figure.interval)
      json[figure.name] = {value_or_null(figure.interval->low), value_or_null(figure.interval->high)};
  }
  return json;
}

}  // namespace

std::string to_json(const Results& results, const EvaluateOptions& options) {
  Json json;
  json["rows"] = results.rows;
  if (results.weight) json["weight"] = *results.weight;
  json["unlabelled"] = results.unlabelled;
  if (results.has_classes) json["unknown_labels"] = results.classes.unknown;
  for (const Figure& figure : results.figures) json[figure.name] = value_or_null(figure.value);
  if (!results.values.empty()) json["values"] = values(results);
  if (options.confidence) json["intervals"] = intervals(results, options);
  if (results.has_classes) {
    if (options.per_class) json["classes"] = per_class(results, options.auc);
    if (options.confusion) {
      json["confusion"] = {{"classes", results.names},
                           {"counts", table_of(results.classes.confusion, results.names.size())}};
      if (!results.classes.confusion_weight.empty())
        json["confusion"]["weights"] = table_of(results.classes.confusion_weight, results.names.size());
    }
    if (options.calibration) json["calibration"] = calibration(results.classes);
    if (options.thresholds) json["thresholds"] = thresholds(results);
  }
  return json_dump(json) + "\n";
}

}  // namespace nn::evaluate
