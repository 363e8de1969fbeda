#include <algorithm>

#include "catch.hpp"
#include "chart/document.hpp"
#include "chart/page.hpp"
#include "chart/page_files.hpp"
#include "chart/plot.hpp"
#include "sample.hpp"

namespace nn::chart {
namespace {

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST_CASE("thinning keeps the best, spreads the others, and is the same each time") {
  CHECK(thinned(5, {}, 10) == std::vector<std::size_t>{0, 1, 2, 3, 4});
  const auto places = thinned(10'000, {9'999, 17, 18}, 100);
  CHECK(places.size() <= 100);
  CHECK(places.size() > 90);
  for (const std::size_t best : {17, 18, 9'999})
    CHECK(std::binary_search(places.begin(), places.end(), best));
  CHECK(places == thinned(10'000, {9'999, 17, 18}, 100));
  CHECK(thinned(3, {0, 1, 2}, 0).empty());
  CHECK(thinning_note(1500, 10'000) ==
        "1,500 of 10,000 trials are drawn: the best, and others evenly spread.");
  CHECK(thinning_note(10, 10).empty());
}

TEST_CASE("each picture is drawn, or says what it takes") {
  for (const std::size_t trials : {0, 1, 2, 3, 5, 40}) {
    for (const std::size_t goals : {1, 2, 3}) {
      const Results results = sample(trials, goals);
      for (const std::string_view name : enum_names(Section{}).list()) {
        const Picture picture = picture_of(enum_names(Section{}).parse(name), results);
        INFO(name << " of " << trials << " trials and " << goals << " objectives");
        CHECK(picture.panels.empty() == !picture.lacking.empty());
        for (const Panel& panel : picture.panels) {
          CHECK_FALSE(panel.body.empty());
          CHECK(panel.body.find("nan") == std::string::npos);
          CHECK(count_of(panel.body, "<g ") == count_of(panel.body, "</g>"));
        }
      }
      CHECK(count_of(page(results), "<svg") == count_of(page(results), "</svg>"));
    }
  }
}

TEST_CASE("every dot has the number of its trial") {
  const Picture picture = history_picture(sample(10));
  // 6 has failed, 4 and 9 were pruned.
  CHECK(count_of(picture.panels[0].body, "data-n=\"0 1 2 3 5 7 8\"") == 1);
  CHECK(count_of(picture.panels[0].body, "data-n=\"4 9\"") == 1);
}

TEST_CASE("a page of ten thousand trials is below two megabytes, and says what it leaves out") {
  const std::string text = page(sample(10'000));
  CHECK(text.size() < 2'000'000);
  CHECK(text.find("of 10,000 trials are drawn: the best, and others evenly spread.") != std::string::npos);
  std::size_t rows = 0;
  CHECK(page_data(sample(10'000), 100'000, rows).size() < 110'000);
  CHECK(rows > 1'000);
  CHECK(rows < 10'000);
}

TEST_CASE("only what is wanted is drawn") {
  const std::string text = page(sample(40), {Section::slices, Section::table});
  CHECK(text.find("id=\"slices\"") != std::string::npos);
  CHECK(text.find("id=\"table\"") != std::string::npos);
  CHECK(text.find("id=\"history\"") == std::string::npos);
}

TEST_CASE("JSON in a page can't end its element") {
  Results results = sample(1);
  results.trials[0].reason = "</script><!-- \x01 \xff";
  std::size_t rows = 0;
  const std::string data = page_data(results, 1000, rows);
  CHECK(data.find('<') == std::string::npos);
  CHECK(data.find("\\u003c/script>\\u003c!-- \\\\x01 \\\\xff") != std::string::npos);
}

TEST_CASE("the format is what was said, or by the ending, or by who reads it") {
  PlotOptions options;
  CHECK(format_of(options, true) == Format::text);
  CHECK(format_of(options, false) == Format::html);
  for (const auto& [output, format] : {std::pair("a.svg", Format::svg), std::pair("a.txt", Format::text),
                                       std::pair("a.html", Format::html), std::pair("a", Format::html)}) {
    options.output = output;
    CHECK(format_of(options, true) == format);
  }
  options.format = Format::svg;
  CHECK(format_of(options, true) == Format::svg);
  std::set<Section> sections;
  add_sections(sections, "history, table");
  CHECK(sections == std::set{Section::history, Section::table});
  CHECK_THROWS_WITH(add_sections(sections, "slice"), "'slice' is not a picture; did you mean slices?");
}

TEST_CASE("style sheets and script refer to nothing else") {
  for (const std::string_view file : {picture_css, page_css, page_js}) {
    CHECK(file.size() > 100);
    for (const char* what : {"http:", "https:", "url(", "@import", "innerHTML", "eval(", "fetch("})
      CHECK(file.find(what) == file.npos);
  }
}

}  // namespace
}  // namespace nn::chart
