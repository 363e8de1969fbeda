#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "chart/document.hpp"
#include "chart/page_files.hpp"
#include "chart/svg.hpp"
#include "evaluate/page_file.hpp"
#include "evaluate/pictures.hpp"
#include "evaluate/report.hpp"

namespace nn::evaluate {
namespace {

std::string count_text(std::int64_t count) { return chart::with_commas(static_cast<std::size_t>(count)); }

std::string cell(std::string_view text) { return fmt::format("<td>{}</td>", text); }

std::string figure_of(std::string_view name, const std::string& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", name, value);
}

std::string all_figures(const Results& results, const EvaluateOptions& options) {
  std::string out =
      "<section class=\"card\"><dl class=\"figures all\">" + figure_of("rows", count_text(results.rows));
  if (results.weight) out += figure_of("weight", value_text(results.weight, false));
  if (results.unlabelled > 0) out += figure_of("unlabelled", count_text(results.unlabelled));
  if (results.classes.unknown > 0) out += figure_of("unknown_labels", count_text(results.classes.unknown));
  for (const Figure& figure : results.figures) {
    if (!figure.printed) continue;
    std::string value = value_text(figure.value, figure.share);
    if (figure.interval)
      value += fmt::format("<span class=\"interval\">{} … {}</span>",
                           value_text(figure.interval->low, figure.share),
                           value_text(figure.interval->high, figure.share));
    out += figure_of(chart::escaped(figure.name), value);
  }
  out += "</dl>";
  if (options.confidence)
    out += fmt::format("<p class=\"hint\">Intervals of {:g} %, by {} bootstrap draws of the rows.</p>",
                       *options.confidence, options.resamples);
  return out + "</section>\n";
}

std::string class_line(std::string_view name, std::int64_t rows, const MeanFigures& figures,
                       const std::optional<double>& auc, const std::optional<double>& precision, bool areas) {
  std::string line =
      fmt::format("<tr><td class=\"text\">{}</td><td>{}</td><td>{:.4f}</td><td>{:.4f}</td><td>{:.4f}</td>",
                  name, count_text(rows), figures.precision, figures.recall, figures.f1);
  if (areas) line += cell(value_text(auc, true)) + cell(value_text(precision, true));
  return line + "</tr>";
}

constexpr std::size_t most_lines = 1000;

std::string class_table(const Results& results) {
  const bool areas = results.known > 0;
  std::string out =
      "<section class=\"card\" id=\"classes\"><h2>Classes</h2><div class=\"scroll\"><table><thead><tr><th "
      "scope=\"col\" "
      "class=\"text\">class</th><th scope=\"col\">rows</th><th scope=\"col\">precision</th><th "
      "scope=\"col\">recall</th>"
      "<th scope=\"col\">F1</th>";
  if (areas) out += "<th scope=\"col\">AUC</th><th scope=\"col\">average precision</th>";
  out += "</tr></thead><tbody>";
  for (std::size_t c = 0; c < std::min(results.names.size(), most_lines); ++c) {
    const ClassFigures& figures = results.classes.classes[c];
    std::string name = chart::escaped(results.names[c]);
    if (areas && c >= results.known) name += " <span class=\"hint\">not of the model</span>";
    out += class_line(name, figures.support, {figures.precision, figures.recall, figures.f1}, figures.auc,
                      figures.average_precision, areas);
  }
  const bool several = results.known != 2;
  out += class_line("macro mean", results.rows, results.classes.macro,
                    several ? results.classes.auc : std::nullopt,
                    several ? results.classes.average_precision : std::nullopt, areas);
  out += class_line("weighted mean", results.rows, results.classes.weighted, {}, {}, areas) +
         "</tbody></table></div>";
  if (results.names.size() > most_lines)
    out += fmt::format("<p class=\"hint\">The first {} of {} classes.</p>", most_lines, results.names.size());
  return out + "</section>\n";
}

std::string threshold_section(const Results& results) {
  if (results.thresholds.empty()) return {};
  std::string out = fmt::format(
      "<section class=\"card\" id=\"thresholds\"><h2>Thresholds</h2><div "
      "class=\"scroll\"><table><caption>Answering '{}' "
      "from a probability of</caption><thead><tr><th scope=\"col\">threshold</th><th "
      "scope=\"col\">precision</th><th "
      "scope=\"col\">recall</th><th scope=\"col\">false positive rate</th><th scope=\"col\">F1</th><th "
      "scope=\"col\">Youden</th><th scope=\"col\">accuracy</th></tr></thead><tbody>",
      chart::escaped(results.names[1]));
  const auto best_cell = [](double value, bool best) {
    return fmt::format("<td{}>{:.4f}{}</td>", best ? " class=\"best\"" : "", value, best ? " best" : "");
  };
  for (const ThresholdFigures& figures : results.thresholds) {
    out += fmt::format(
        "<tr><td>{:.6g}</td><td>{:.4f}</td><td>{:.4f}</td><td>{:.4f}</td>{}{}<td>{:.4f}</td></tr>",
        figures.threshold, figures.precision, figures.recall, figures.false_positive_rate,
        best_cell(figures.f1, figures.best_f1), best_cell(figures.youden, figures.best_youden),
        figures.accuracy);
  }
  return out + "</tbody></table></div></section>\n";
}

std::string figure_of(const ReportPicture& picture) {
  std::string out = fmt::format("<figure id=\"{}\" class=\"{}\"><h2>{}</h2><div class=\"panels\">",
                                picture.id, picture.wide ? "wide" : "half", picture.title);
  for (const chart::Panel& panel : picture.panels) out += "<div>" + chart::inline_svg(panel) + "</div>";
  if (!picture.table.empty())
    out += "<div class=\"beside\"><div class=\"scroll\">" + picture.table + "</div></div>";
  out += "</div>";
  if (!picture.notes.empty()) {
    out += "<figcaption>";
    for (std::size_t i = 0; i < picture.notes.size(); ++i)
      out += (i > 0 ? " " : "") + chart::escaped(picture.notes[i], 1000);
    out += "</figcaption>";
  }
  return out + "</figure>\n";
}

}  // namespace

std::vector<ReportPicture> pictures_of(const Results& results) {
  std::vector<ReportPicture> pictures;
  if (results.has_classes) {
    pictures.push_back(confusion_picture(results));
    if (const auto curves = curves_of(results, most_curves); !curves.empty()) {
      pictures.push_back(roc_picture(results, curves));
      pictures.push_back(precision_recall_picture(results, curves));
    }
    if (!results.classes.bins.empty()) pictures.push_back(calibration_picture(results));
    return pictures;
  }
  constexpr std::int64_t most_elements = 6;
  for (std::size_t i = 0; i < static_cast<std::size_t>(std::min(results.width, most_elements)); ++i) {
    pictures.push_back(prediction_picture(results, i));
    pictures.push_back(residual_picture(results, i));
  }
  if (results.width > most_elements)
    pictures.back().notes.push_back(
        fmt::format("The first {} of {} values are drawn.", most_elements, results.width));
  return pictures;
}

std::string page_of(const Results& results, const EvaluateOptions& options, const std::string& title) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"generator\" "
      "content=\"nn-eval\">\n<title>{0}</title>\n<style>\n{1}{2}{3}</style>\n</head>\n<body>\n"
      "<main>\n<h1>{0}</h1>\n<p class=\"sub\">{4}</p>\n",
      chart::escaped(title), chart::page_css, chart::picture_css, report_page_css,
      results.has_classes ? fmt::format("Predictions of {} classes", results.names.size())
                          : std::string("Predictions of numbers"));
  out += all_figures(results, options) + "<div class=\"pictures\">\n";
  for (const ReportPicture& picture : pictures_of(results)) out += figure_of(picture);
  out += "</div>\n";
  if (results.has_classes) out += class_table(results) + threshold_section(results);
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace nn::evaluate
