#include "chart/svg.hpp"

#include "catch.hpp"

namespace nn::chart {
namespace {

TEST_CASE("text from outside is no markup") {
  CHECK(escaped("a<b> & \"c\" 'd'") == "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
  CHECK(escaped("</script><!--") == "&lt;/script&gt;&lt;!--");
  CHECK(escaped(std::string("\0\x1b[2J\n\xff", 7)) == "\\x00\\x1b[2J\\n\\xff");
  // Not in XML, and what would turn all that follows around.
  CHECK(escaped("\xEF\xBF\xBE\xEF\xBF\xBF") == "\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(escaped("a\xE2\x80\xAEz\xC2\x85") == "a\xEF\xBF\xBDz\xEF\xBF\xBD");
  CHECK(escaped("ä日😀") == "ä日😀");
  CHECK(escaped(std::string(1000, '<'), 10) == "&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;&lt;…");
}

TEST_CASE("what is too wide is cut between characters") {
  CHECK(fitted("lr", 100, 12) == "lr");
  const std::string cut = fitted(std::string(300, 'x'), 100, 12);
  CHECK(cut.ends_with("x…"));
  CHECK(text_width(cut, 12) <= 100);
  CHECK(fitted("日本語日本語日本語日本語", 50, 12) == "日本語…");
  CHECK(fitted("anything", 1, 12) == "…");
}

TEST_CASE("numbers are as short as they can be") {
  CHECK(Svg::number(12) == "12");
  CHECK(Svg::number(12.34) == "12.3");
  CHECK(Svg::number(-0.04) == "0");
  CHECK(Svg::number(1e300) == "1000000");
  CHECK(Svg::number(0.0 / 0.0) == "0");
  Path path;
  path.dash(1.26, 2);
  path.dash(3, 4, 5.5);
  CHECK(path.d() == "M1.3 2h0M3 4h5.5");
}

TEST_CASE("elements are complete, and a text that is cut has all of it as a title") {
  Svg svg;
  svg.text("name", 1, 2, "<long name>", Anchor::end, 40);
  CHECK(svg.take() ==
        "<text class=\"name\" x=\"1\" y=\"2\" text-anchor=\"end\"><title>&lt;long "
        "name&gt;</title>&lt;lon…</text>");
  svg.open_group("g");
  svg.rect("bar", 0, 0, -3, 4);
  svg.close_group();
  CHECK(svg.take() == "<g class=\"g\"><rect class=\"bar\" x=\"0\" y=\"0\" width=\"0\" height=\"4\"/></g>");
}

}  // namespace
}  // namespace nn::chart
