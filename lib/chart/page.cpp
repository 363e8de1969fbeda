#include "chart/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chart/document.hpp"
#include "chart/page_files.hpp"
#include "chart/scale.hpp"
#include "chart/svg.hpp"
#include "chart/timeline.hpp"

namespace nn::chart {
namespace {

constexpr std::size_t most_table_bytes = 1'000'000;
constexpr std::size_t rows_without_script = 20;

std::string figure_of(std::string_view name, const std::string& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", name, value);
}

std::string counts(const Results& results) {
  std::string out = "<dl class=\"figures\">" + figure_of("trials", with_commas(results.trials.size()));
  for (const auto& [name, count] : results.counts) out += figure_of(name, with_commas(count));
  const Timeline timeline = timeline_of(results);
  if (timeline.seconds > 0) {
    out += figure_of("running time", duration_text(timeline.seconds));
    out += figure_of(timeline.slots.size() == 1 ? "slot" : "slots", with_commas(timeline.slots.size()));
    out += figure_of("busy", fmt::format("{:.1f} %", timeline.busy * 100));
  }
  return out + "</dl>\n";
}

std::string best_of(const Results& results) {
  const auto best = results.best(0);
  if (!best) {
    return "<p>No trial is complete yet that has a value and keeps its constraints.</p>\n";
  }
  const bool several = results.goals.size() > 1;
  std::string out = "<div class=\"best-of\">";
  for (std::size_t g = 0; g < results.goals.size(); ++g) {
    const Result& trial = results.trials[*results.best(g)];
    out += fmt::format("<p><b>Best {}: <span class=\"value\">{}</span></b> in trial {} ({} is better)</p>",
                       escaped(results.goals[g].name), short_number(trial.values[g], 6), trial.number,
                       results.goals[g].maximize ? "higher" : "lower");
  }
  if (several) {
    out += fmt::format("<p>{} trial{} not dominated. Of the best {}:</p>", with_commas(results.front.size()),
                       results.front.size() == 1 ? " is" : "s are", escaped(results.goals[0].name));
  }
  const Result& trial = results.trials[*best];
  out += "<ul class=\"chips\">";
  for (std::size_t d = 0; d < results.dimensions.size(); ++d) {
    if (std::isnan(trial.parameters[d])) continue;
    out += fmt::format("<li><span>{}</span> {}</li>", escaped(results.dimensions[d].name),
                       escaped(results.dimensions[d].text_of(trial.parameters[d])));
  }
  out += "</ul>";
  if (!results.command.empty()) {
    constexpr std::size_t longest = 20'000;
    out += fmt::format(
        "<div class=\"command\"><pre id=\"command\">{}</pre><button id=\"copy\" hidden>Copy</button></div>",
        escaped(results.command.substr(0, results.command.find_last_not_of('\n') + 1), longest));
  }
  return out + "</div>\n";
}

const char* width_class(double width) {
  return width == wide ? "wide" : width == half ? "half-panel" : "third-panel";
}

// Whether two such are a row.
bool may_stand_beside(const Picture& picture) {
  return picture.panels.size() == 1 && picture.panels[0].width == half && picture.section != Section::slices;
}

std::string figure_of(const Picture& picture) {
  const bool is_half = may_stand_beside(picture);
  std::string out = fmt::format("<figure id=\"{}\"{}><h2>{}</h2><div class=\"panels\">",
                                enum_names(picture.section).name_of(picture.section),
                                is_half ? " class=\"half\"" : "", picture.title);
  for (const Panel& panel : picture.panels) {
    out += fmt::format("<div class=\"{}\">{}</div>", width_class(panel.width), inline_svg(panel));
  }
  out += "</div>";
  if (picture.section == Section::parallel)
    out += "<div class=\"hint\" id=\"brushed\" role=\"status\"></div>";
  if (!picture.notes.empty()) {
    out += "<figcaption>";
    for (std::size_t i = 0; i < picture.notes.size(); ++i)
      out += (i > 0 ? " " : "") + escaped(picture.notes[i], 1000);
    out += "</figcaption>";
  }
  return out + "</figure>\n";
}

// The best as they are without the script, which puts its own rows there.
std::string table_of(const Results& results, std::size_t rows) {
  std::string out =
      "<section class=\"card\" id=\"table\"><h2>Trials</h2>\n<div class=\"tools\" id=\"tools\" hidden><input "
      "id=\"filter\" type=\"search\" aria-label=\"Filter\" placeholder=\"Filter: a word, or as name&lt;0.1 "
      "name=value name!=value\"><select id=\"state\" aria-label=\"State\"><option value=\"\">all "
      "states</option>";
  for (const std::string_view name : enum_names(study::State{}).list())
    out += fmt::format("<option>{}</option>", name);
  out +=
      "</select><span class=\"hint\" id=\"found\" role=\"status\"></span></div>\n<div "
      "class=\"scroll\"><table "
      "id=\"trials\"><thead><tr>";
  const auto names = table_columns(results);
  for (std::size_t c = 0; c < names.size(); ++c) {
    out += fmt::format("<th scope=\"col\"{}>{}</th>",
                       c == 1 || c + 2 >= names.size() ? " class=\"text\"" : "", escaped(names[c]));
  }
  out += "</tr></thead><tbody>";
  auto best = results.ranked(0);
  best.resize(std::min(best.size(), rows_without_script));
  for (const std::size_t place : best) {
    const Result& trial = results.trials[place];
    out += fmt::format("<tr><td>{}</td><td class=\"text\">{}</td>", trial.number, trial.state_name());
    for (const double value : trial.values) out += "<td>" + short_number(value, 6) + "</td>";
    for (std::size_t d = 0; d < results.dimensions.size(); ++d) {
      const double value = trial.parameters[d];
      out += "<td>" + (std::isnan(value) ? "" : escaped(results.dimensions[d].text_of(value))) + "</td>";
    }
    out += fmt::format("<td>{}</td><td class=\"text\">{}</td><td class=\"text\">{}</td></tr>",
                       std::isnan(trial.seconds()) ? "" : short_number(trial.seconds(), 4),
                       std::isnan(trial.begin_s) ? "" : escaped(results.slots[trial.slot]),
                       escaped(trial.reason));
  }
  out += "</tbody></table></div>\n<button class=\"more\" id=\"more\" hidden>Show more</button>";
  out += fmt::format(
      "<noscript><p class=\"hint\">These are the best {}; with a script all {} can be sorted and "
      "filtered.</p></noscript>",
      best.size(), with_commas(rows));
  if (rows < results.trials.size()) {
    out += fmt::format(
        "<p class=\"hint\">The table has {} of {} trials: the best, and others evenly spread.</p>",
        with_commas(rows), with_commas(results.trials.size()));
  }
  return out + "<p class=\"hint\">Numbers are rounded to six digits.</p></section>\n";
}

}  // namespace

std::string page(const Results& results, const std::set<Section>& only) {
  std::vector<Picture> pictures;
  std::string lacking;
  bool with_table = false;
  for (const std::string_view name : enum_names(Section{}).list()) {
    const Section section = enum_names(Section{}).parse(name);
    if (!only.empty() && !only.contains(section)) continue;
    if (section == Section::table) {
      with_table = !results.trials.empty();
      continue;
    }
    Picture picture = picture_of(section, results);
    if (picture.lacking.empty()) {
      pictures.push_back(std::move(picture));
    } else if (!only.empty() || section != Section::pareto) {
      lacking += fmt::format("<p>No {}: {}</p>", name, escaped(picture.lacking, 1000));
    }
  }
  // Two small pictures are a row; where their number is odd, the first gets a row of its own.
  if (std::count_if(pictures.begin(), pictures.end(), may_stand_beside) % 2 == 1) {
    Picture& first = *std::find_if(pictures.begin(), pictures.end(), may_stand_beside);
    first = picture_of(first.section, results, wide);
  }
  std::size_t rows = 0;
  const std::string data = page_data(results, most_table_bytes, rows);
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src "
      "'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"generator\" "
      "content=\"nn-sweep\">\n<title>{0}</title>\n<style>\n{1}{2}</style>\n</head>\n<body>\n<main>\n"
      "<h1>{0}</h1>\n<p class=\"sub\">{3}",
      escaped(results.title()), page_css, picture_css, escaped(results.journal));
  if (!results.began.empty()) out += fmt::format(" · {} to {} UTC", results.began, results.ended);
  out += "</p>\n<section class=\"card\">\n" + counts(results) + best_of(results) +
         "</section>\n<div class=\"pictures\">\n";
  for (const Picture& picture : pictures) out += figure_of(picture);
  out += "</div>\n";
  if (with_table) out += table_of(results, rows);
  out += "<footer>" + lacking + "</footer>\n</main>\n<script type=\"application/json\" id=\"data\">" + data +
         "</script>\n<script>\n";
  out += page_js;
  return out + "</script>\n</body>\n</html>\n";
}

}  // namespace nn::chart
