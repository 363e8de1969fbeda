#include "serve/access.hpp"

#include "base/error.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::serve;
using Verdict = AccessRules::Verdict;

namespace {

// Of "user" and "prometheus".
constexpr auto tokens =
    "# comment\n\n"
    "infer,read 04f8996da763b7a969b1028ee3007569eaf3a635486ddab211d512c85b9df8fb the shop\n"
    "metrics 1809f7cd0c75acf34f56d8c19782b99c6b5fcd14128a3cc79aca38a4f94af3ff\n";

std::string hex(const Sha256::Digest& digest) {
  std::string out;
  for (const unsigned char byte : digest) {
    constexpr char digits[] = "0123456789abcdef";
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

}  // namespace

TEST_CASE("SHA-256 is that of FIPS 180", "[access]") {
  Sha256 sha256;
  CHECK(hex(sha256.of("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(sha256.of("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(sha256.of("user")) == "04f8996da763b7a969b1028ee3007569eaf3a635486ddab211d512c85b9df8fb");
}

TEST_CASE("lists of tokens are read as they are meant, or not at all", "[access]") {
  Sha256 sha256;
  const auto list = Tokens::parse(tokens, "t");
  const Tokens::Token* user = list->find(sha256.of("user"));
  REQUIRE(user != nullptr);
  CHECK(user->name == "the shop");
  CHECK(user->scopes.has(Scope::infer));
  CHECK_FALSE(user->scopes.has(Scope::metrics));
  CHECK(list->find(sha256.of("users")) == nullptr);
  CHECK_THROWS_WITH(Tokens::parse("infer", "t"), Catch::Contains("t:1: expected scopes"));
  CHECK_THROWS_WITH(Tokens::parse("\ninfer abc", "t"), Catch::Contains("t:2: the second word"));
  CHECK_THROWS_WITH(Tokens::parse("inferr " + std::string(64, 'a'), "t"),
                    Catch::Contains("did you mean infer"));
  CHECK_THROWS_WITH(Tokens::parse("infer " + std::string(63, 'a') + "g", "t"),
                    Catch::Contains("the second word"));
  CHECK_THROWS_WITH(Tokens::parse("# nothing\n", "t"), Catch::Contains("no token"));
}

TEST_CASE("who may do what", "[access]") {
  Sha256 sha256;
  AccessRules rules;
  const http::Peer anybody, local{"", false, true, false}, admin{"", true, false, false},
      tls{"", false, false, true};
  const auto check = [&](Scope scope, const http::Peer& peer, std::optional<std::string_view> token = {}) {
    return rules.check(scope, peer, token, sha256).verdict;
  };

  SECTION("without tokens: all but administration, which is for processes of our user") {
    CHECK(check(Scope::infer, anybody) == Verdict::allowed);
    CHECK(check(Scope::admin, anybody) == Verdict::forbidden);
    CHECK(check(Scope::admin, local) == Verdict::allowed);
    rules.admin_endpoint = true;
    CHECK(check(Scope::admin, local) == Verdict::forbidden);
    CHECK(check(Scope::admin, admin) == Verdict::allowed);
  }
  SECTION("with tokens nothing without one") {
    const std::string boss = hex(sha256.of("boss"));
    rules.set_tokens(Tokens::parse(std::string(tokens) + "admin " + boss, "t"));
    rules.set_anonymous(Scopes());
    CHECK(check(Scope::infer, anybody) == Verdict::unauthenticated);
    CHECK(check(Scope::health, anybody) == Verdict::unauthenticated);
    CHECK(check(Scope::infer, anybody, "Bearer user") == Verdict::allowed);
    CHECK(check(Scope::infer, anybody, "bearer  user ") == Verdict::allowed);
    CHECK(check(Scope::infer, anybody, "Basic user") == Verdict::unauthenticated);
    CHECK(check(Scope::infer, anybody, "Bearer ") == Verdict::unauthenticated);
    CHECK(check(Scope::infer, anybody, "Bearer use") == Verdict::unauthenticated);
    CHECK(check(Scope::metrics, anybody, "Bearer user") == Verdict::forbidden);
    CHECK(check(Scope::admin, anybody, "Bearer user") == Verdict::forbidden);
    CHECK(check(Scope::admin, local) == Verdict::unauthenticated);
    CHECK(check(Scope::admin, anybody, "Bearer boss") == Verdict::allowed);
    CHECK(check(Scope::infer, anybody, "Bearer boss") == Verdict::allowed);
    CHECK(check(Scope::infer, tls) == Verdict::unauthenticated);
    // Not even where none of them is an administrator's: our user's process may be a proxy.
    rules.set_tokens(Tokens::parse(tokens, "t"));
    CHECK(check(Scope::admin, local) == Verdict::unauthenticated);
    CHECK(check(Scope::admin, admin) == Verdict::allowed);
    rules.set_anonymous(parse_scopes("health,metrics"));
    CHECK(check(Scope::metrics, anybody) == Verdict::allowed);
    CHECK(check(Scope::infer, anybody) == Verdict::unauthenticated);
  }
  SECTION("where metrics and health are told, they are to anybody, and nothing else is") {
    http::Peer scraper, boss{"", true, false, false};
    scraper.metrics = true;
    rules.set_tokens(Tokens::parse(tokens, "t"));
    rules.set_anonymous(Scopes());
    CHECK(check(Scope::metrics, scraper) == Verdict::allowed);
    CHECK(check(Scope::health, scraper) == Verdict::allowed);
    for (const Scope scope : {Scope::infer, Scope::read, Scope::admin}) {
      CHECK(check(scope, scraper) == Verdict::forbidden);
      CHECK(check(scope, scraper, "Bearer user") == Verdict::forbidden);
    }
  }
  SECTION("certificates") {
    rules.set_anonymous(parse_scopes("health"));
    rules.certificates = true;
    CHECK(check(Scope::infer, tls) == Verdict::allowed);
    CHECK(check(Scope::admin, tls) == Verdict::forbidden);
    CHECK(check(Scope::infer, anybody) == Verdict::forbidden);
    CHECK(check(Scope::health, anybody) == Verdict::allowed);
  }
}

TEST_CASE("who may not do something hears what it takes", "[access]") {
  Sha256 sha256;
  AccessRules rules;
  http::Peer anybody, scraper;
  scraper.metrics = true;
  struct Row {
    Scope scope;
    http::Peer peer;
    std::optional<std::string_view> authorization;
    std::string reason;
  };
  const auto check = [&](const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      const auto judgement = rules.check(row.scope, row.peer, row.authorization, sha256);
      CHECK(judgement.verdict != Verdict::allowed);
      CHECK(rules.reason(judgement, row.scope, row.peer, row.authorization) == row.reason);
    }
  };
  rules.set_anonymous(parse_scopes("health,read"));
  check({{Scope::infer, anybody, {}, "clients have scope read,health here, and this needs infer"},
         {Scope::admin,
          anybody,
          {},
          "only administrators of this server may do that, at its socket for them or with their token"}});
  rules.certificates = true;
  check({{Scope::infer,
          anybody,
          {},
          "clients without a certificate have scope read,health here, and this needs infer"}});
  rules.set_tokens(Tokens::parse(tokens, "t"));
  check({{Scope::infer, anybody, {}, "a token of scope infer is needed, as Authorization: Bearer ..."},
         {Scope::infer, anybody, "Bearer nobody", "the token is not known here"},
         {Scope::infer, anybody, "Basic dXNlcjp1c2Vy", "the field Authorization is not Bearer and a token"},
         {Scope::metrics, anybody, "Bearer user",
          "this needs a token of scope metrics, and this one has infer,read"},
         {Scope::admin, anybody, "Bearer user",
          "this needs a token of scope admin, and this one has infer,read"},
         {Scope::infer, scraper, "Bearer user",
          "this address is for metrics and health; ask elsewhere for the rest"}});
  CHECK(rules.check(Scope::infer, anybody, "Bearer user", sha256).token->name == "the shop");
}
