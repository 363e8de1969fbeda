#include "traffic/router.hpp"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "../allocated.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::traffic;

namespace {

std::vector<Arm> arms(const std::string& text) { return parse_split("m:" + text).second; }
constexpr int ids = 100'000;
std::string id(int i) { return "user-" + std::to_string(i); }

}  // namespace

TEST_CASE("100,000 ids are shared out by the weights, within four standard deviations") {
  for (const char* split : {"stable=95,canary=5", "canary=5,stable=95", "stable=1,canary=1", "a=70,b=20,c=10",
                            "stable=90,model:forest/2=5,version:7=5"}) {
    const Router router(arms(split), "salt");
    std::map<int, int> counts;
    for (int i = 0; i < ids; ++i) ++counts[router.choose(router.hash(id(i))).arm];
    for (std::size_t arm = 0; arm < router.arms().size(); ++arm) {
      const double share = router.share(arm), sd = std::sqrt(ids * share * (1 - share));
      INFO(split << " arm " << arm);
      CHECK(std::abs(counts[static_cast<int>(arm)] - ids * share) < 4 * sd);
    }
  }
}

TEST_CASE("a canary that grows only gains users, and the control is as large as it") {
  for (const char* order : {"stable={},canary={}", "canary={1},stable={0}"}) {
    const auto at = [&](int percent) {
      return Router(arms(fmt::format(fmt::runtime(order), 100 - percent, percent)), "spring");
    };
    const Router small = at(5), large = at(25);
    const auto canary = [](const Router& router, int i) {
      return to_text(router.arms()[router.choose(router.hash(id(i))).arm].target) == "canary";
    };
    int moved = 0, back = 0, control = 0, in_canary = 0;
    for (int i = 0; i < ids; ++i) {
      const bool before = canary(small, i), after = canary(large, i);
      moved += !before && after ? 1 : 0;
      back += before && !after ? 1 : 0;
      const Router::Choice choice = small.choose(small.hash(id(i)));
      in_canary += before ? 1 : 0;
      control += choice.control ? 1 : 0;
      CHECK_FALSE((choice.control && before));
    }
    CHECK(back == 0);
    CHECK(moved == Approx(0.2 * ids).margin(1000));
    CHECK(control == Approx(in_canary).margin(4 * std::sqrt(2.0 * 0.05 * ids)));
  }
}

TEST_CASE("of several arms no more users move than must") {
  const Router before(arms("a=50,b=30,c=20"), "x"), after(arms("a=50,b=30,c=40"), "x");
  int moved_to_others = 0, moved = 0;
  for (int i = 0; i < ids; ++i) {
    const auto hash = before.hash(id(i));
    const int from = before.choose(hash).arm, to = after.choose(hash).arm;
    if (from == to) continue;
    ++moved;
    moved_to_others += to != 2 ? 1 : 0;
  }
  CHECK(moved_to_others == 0);
  CHECK(moved > 0);
}

TEST_CASE("experiments of different salts are independent") {
  const Router one(arms("stable=50,canary=50"), "one"), two(arms("stable=50,canary=50"), "two");
  int both = 0;
  for (int i = 0; i < ids; ++i)
    both += one.choose(one.hash(id(i))).arm == 1 && two.choose(two.hash(id(i))).arm == 1 ? 1 : 0;
  CHECK(both == Approx(0.25 * ids).margin(4 * std::sqrt(ids * 0.25 * 0.75)));
}

TEST_CASE("an arm that isn't there is answered by the stable one, and that is told") {
  const Router router(arms("canary=50,stable=50"), "s");
  int fell = 0;
  for (int i = 0; i < 1000; ++i) {
    const Router::Choice choice = router.choose(router.hash(id(i)), 0b10);
    CHECK(choice.arm == 1);
    fell += choice.fell_back ? 1 : 0;
  }
  CHECK(fell > 400);
  CHECK(fell < 600);
  const Router none({}, "");
  CHECK(none.arms().size() == 1);
  CHECK(none.choose(7).arm == 0);
  CHECK_FALSE(none.choose(7, 0).fell_back);
  // Weight 0 is never chosen.
  const Router zero(arms("a=0,b=1,c=1"), "s");
  for (int i = 0; i < 1000; ++i) CHECK(zero.choose(zero.hash(id(i))).arm != 0);
}

TEST_CASE("a decision allocates nothing") {
  const Router two(arms("stable=95,canary=5"), "salt"), many(arms("a=1,b=2,c=3,d=4"), "salt");
  const std::string long_key(2000, 'k');
  const test::AllocatedBytes allocated;
  std::uint64_t sum = 0;
  for (const Router* router : {&two, &many}) {
    sum += router->choose(router->hash("somebody")).arm;
    sum += router->choose(router->hash(long_key)).arm;
  }
  CHECK(allocated.most() == 0);
  CHECK(sum < 100);
}

TEST_CASE("values of cookies and queries") {
  CHECK(cookie_value("a=1; nn-arm=x7; b=2", "nn-arm") == "x7");
  CHECK(cookie_value("xnn-arm=1;nn-arm=\"q\"", "nn-arm") == "q");
  CHECK(cookie_value("nn-arm", "nn-arm").empty());
  CHECK(cookie_value("", "a").empty());
  CHECK(query_value("user=7&x=1", "user") == "7");
  CHECK(query_value("xuser=7", "user").empty());
}
