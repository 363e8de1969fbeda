// What clients of HTTP/2 and gRPC do wrong, and what each of them is told. The connection goes on for whoever
// is right, unless the fault is the connection's.
#include "catch.hpp"
#include "deflated.hpp"
#include "h2_fixture.hpp"

using namespace nn;
using namespace nn::test;

namespace {

// What became of stream 1, and of the connection: "200", "16 text", "reset 1", "goaway 1", "closed".
std::string outcome(H2Fixture& at) {
  if (!at.reader->goaways.empty()) return "goaway " + std::to_string(at.reader->goaways.back().second);
  if (at.ended) return "closed";
  const StreamAnswer& answer = at.answer(1);
  if (!answer.heads.empty() && !answer.field("grpc-status").empty()) return answer.grpc();
  if (!answer.heads.empty()) return answer.status();
  return answer.reset ? "reset " + std::to_string(*answer.reset) : "-";
}

Pairs without(Pairs fields, std::string_view name) {
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}
Pairs with(Pairs fields, std::string_view name, std::string_view value) {
  for (auto& field : fields) {
    if (field.first != name) continue;
    field.second = value;
    return fields;
  }
  fields.emplace_back(name, value);
  return fields;
}

struct Case {
  std::string name;
  std::string bytes;
  std::string expected;
};

const std::string cut = "3 the message is cut off";
const std::string two = "12 there is more than one message, and one is wanted";
const std::string none = "12 there is no message, and one is wanted";
const std::string flag = "3 a message begins with a flag that is neither 0 nor 1";
const std::string no_encoding = "13 a message is compressed, and no grpc-encoding says how";
const std::string too_large = "8 the message is larger than the limit of 1048576 bytes";
const std::string timeout = "3 grpc-timeout is not 1 to 8 digits and a unit";
const std::string garbled = "3 the body is not compressed as its Content-Encoding says";

std::vector<Case> message_cases() {
  const std::string call = headers(1, grpc("/echo"));
  const std::string gzip = headers(1, grpc("/echo", {{"grpc-encoding", "gzip"}}));
  const std::string deflate = headers(1, grpc("/echo", {{"grpc-encoding", "deflate"}}));
  const std::string stream = headers(1, grpc("/stream"));
  return {
      {"a message", call + data(1, message("hello"), true), "OK hello"},
      {"an empty message", call + data(1, message(""), true), "OK "},
      {"no message", call + data(1, "", true), none},
      {"no message, and no frame for it", headers(1, grpc("/echo"), true), none},
      {"a part of a prefix", call + data(1, std::string(3, '\0'), true), cut},
      {"a prefix without its message", call + data(1, message("hello").substr(0, 5), true), cut},
      {"a message without its last byte", call + data(1, message("hello").substr(0, 9), true), cut},
      {"two messages", call + data(1, message("a") + message("b"), true), two},
      {"two empty messages", call + data(1, message("") + message(""), true), two},
      {"a byte behind the message", call + data(1, message("a") + "x", true), two},
      {"a byte behind the message, later", call + data(1, message("a")) + data(1, "x", true), two},
      {"flag 2", call + data(1, message("a", 2), true), flag},
      {"flag 255", call + data(1, message("a", 255), true), flag},
      {"text in place of a message", call + data(1, "{\"inputs\":[]}", true), flag},
      {"compressed, and nobody says how", call + data(1, message(gzipped("a"), 1), true), no_encoding},
      {"compressed, with the encoding identity",
       headers(1, grpc("/echo", {{"grpc-encoding", "identity"}})) + data(1, message("a", 1), true),
       no_encoding},
      {"not compressed, with the encoding identity",
       headers(1, grpc("/echo", {{"grpc-encoding", "identity"}})) + data(1, message("a"), true), "OK a"},
      {"gzip", gzip + data(1, message(gzipped("hello"), 1), true), "OK hello"},
      {"deflate", deflate + data(1, message(deflated("hello"), 1), true), "OK hello"},
      {"gzip may leave a message as it is", gzip + data(1, message("hello"), true), "OK hello"},
      {"an empty message is no gzip", gzip + data(1, message("", 1), true), garbled},
      {"text is no gzip", gzip + data(1, message("hello", 1), true), garbled},
      {"zlib is no gzip", gzip + data(1, message(deflated("hello"), 1), true), garbled},
      {"a cut-off gzip", gzip + data(1, message(std::string_view(gzipped("hello")).substr(0, 12), 1), true),
       garbled},
      {"a wrong checksum of gzip",
       gzip + data(1,
                   message(
                       [] {
                         std::string bytes = gzipped("hello");
                         bytes[bytes.size() - 8] ^= 1;
                         return bytes;
                       }(),
                       1),
                   true),
       garbled},
      {"bytes behind a gzip", gzip + data(1, message(gzipped("hello") + "hello", 1), true), garbled},
      {"a bomb of gzip", gzip + data(1, message(gzipped(std::string(8 << 20, 'a')), 1), true),
       "8 the body is larger than the limit of 1048576 bytes"},
      {"a bomb of deflate", deflate + data(1, message(deflated(std::string(8 << 20, 'a')), 1), true),
       "8 the body is larger than the limit of 1048576 bytes"},
      {"brotli", headers(1, grpc("/echo", {{"grpc-encoding", "br"}})) + data(1, message("a"), true),
       "12 the messages' grpc-encoding is not known"},
      {"GZIP in capitals",
       headers(1, grpc("/echo", {{"grpc-encoding", "GZIP"}})) + data(1, message("a"), true),
       "12 the messages' grpc-encoding is not known"},
      {"a message over the limit", call + data(1, std::string("\0\0\x10\0\1", 5), true), too_large},
      {"a message of 4 GiB", call + data(1, std::string("\0\xff\xff\xff\xff", 5) + std::string(100, 'a')),
       too_large},
      {"a message over the limit, in a stream", stream + data(1, std::string("\0\0\x10\0\1", 5)), too_large},
      {"flag 3 in a stream", stream + data(1, message("a", 3)), flag},
      {"compressed in a stream, and nobody says how", stream + data(1, message("a", 1)), no_encoding},
      {"a stream's last message is cut off", stream + data(1, message("abc").substr(0, 6), true),
       "3 the last message is cut off"},
      {"a stream's last prefix is cut off", stream + data(1, std::string(2, '\0'), true),
       "3 the last message is cut off"},
      {"a stream without messages", stream + data(1, "", true), "OK"},
  };
}

std::vector<Case> head_cases() {
  const auto call = [](const Pairs& fields) { return headers(1, fields) + data(1, message("a"), true); };
  const auto with_timeout = [&](std::string_view text) {
    return call(grpc("/echo", {{"grpc-timeout", std::string(text)}}));
  };
  const Pairs get_echo = get("/echo");
  std::vector<Case> cases = {
      {"a timeout of hours", with_timeout("99999999H"), "OK a"},
      {"a timeout with a space in front", with_timeout(" 1m"), "reset 1"},
      {"no path", call(without(grpc("/echo"), ":path")), "reset 1"},
      {"an empty path", call(with(grpc("/echo"), ":path", "")), "reset 1"},
      {"a path without its slash", call(with(grpc("/echo"), ":path", "echo")), "reset 1"},
      {"a star as the path", call(with(grpc("/echo"), ":path", "*")), "reset 1"},
      {"no method", call(without(grpc("/echo"), ":method")), "reset 1"},
      {"no scheme", call(without(grpc("/echo"), ":scheme")), "reset 1"},
      {"two paths", call([] {
         Pairs fields = grpc("/echo");
         fields.insert(fields.begin(), {":path", "/other"});
         return fields;
       }()),
       "reset 1"},
      {"an unknown pseudo-field", call([] {
         Pairs fields = grpc("/echo");
         fields.insert(fields.begin(), {":colour", "red"});
         return fields;
       }()),
       "reset 1"},
      {"a pseudo-field behind a field", call(with(without(grpc("/echo"), ":path"), ":path", "/echo")),
       "reset 1"},
      {"a field in capitals", call(grpc("/echo", {{"X-Colour", "red"}})), "reset 1"},
      {"a field with a line break", call(grpc("/echo", {{"x-colour", "red\r\nx: y"}})), "reset 1"},
      {"a field with a zero byte", call(grpc("/echo", {{"x-colour", std::string("r\0d", 3)}})), "reset 1"},
      {"a field without a name", call(grpc("/echo", {{"", "red"}})), "reset 1"},
      {"a name with a space", call(grpc("/echo", {{"x colour", "red"}})), "reset 1"},
      {"a name with a colon", call(grpc("/echo", {{"x:colour", "red"}})), "reset 1"},
      {"a name with a line break", call(grpc("/echo", {{"x-colour: red\r\nx", "y"}})), "reset 1"},
      {"a path with a space", call(with(grpc("/echo"), ":path", "/echo HTTP/1.1")), "reset 1"},
      {"a path with a line break", call(with(grpc("/echo"), ":path", "/echo\r\nx: y")), "reset 1"},
      {"a method with a space", call(with(grpc("/echo"), ":method", "GET /x")), "reset 1"},
      {"a host with a space", call(with(grpc("/echo"), ":authority", "a b")), "reset 1"},
      {"a scheme with a slash", call(with(grpc("/echo"), ":scheme", "http://h/x?")), "reset 1"},
      {"a host of its own", call(grpc("/echo", {{"host", "other"}})),
       "3 the fields :authority and host differ"},
      {"the same host again", call(grpc("/echo", {{"host", "H"}})), "OK a"},
      {"a field of the connection", call(grpc("/echo", {{"connection", "close"}})), "reset 1"},
      {"chunks", call(grpc("/echo", {{"transfer-encoding", "chunked"}})), "reset 1"},
      {"te with something else", call(with(grpc("/echo"), "te", "gzip")), "reset 1"},
      {"no te", call(without(grpc("/echo"), "te")), "OK a"},
      {"content-type of gRPC for protobuf",
       call(with(grpc("/echo"), "content-type", "application/grpc+proto")), "OK a"},
      {"content-type of gRPC with a parameter",
       call(with(grpc("/echo"), "content-type", "application/grpc;x=y")), "OK a"},
      {"content-type of gRPC for the web", call(with(grpc("/echo"), "content-type", "application/grpc-web")),
       "200"},
      {"content-type of JSON", call(with(grpc("/echo"), "content-type", "application/json")), "200"},
      {"no content-type", call(without(grpc("/echo"), "content-type")), "200"},
      {"gRPC by GET", call(with(grpc("/echo"), ":method", "GET")), "200"},
      {"a content-length that isn't true", call(grpc("/echo", {{"content-length", "7"}})), "reset 1"},
      {"a content-length that is true", call(grpc("/echo", {{"content-length", "6"}})), "OK a"},
      {"a content-length that is no number", call(grpc("/echo", {{"content-length", "6x"}})), "reset 1"},
      {"two content-lengths", call(grpc("/echo", {{"content-length", "6"}, {"content-length", "6"}})),
       "reset 1"},
      {"a huge content-length", headers(1, post("/echo", {{"content-length", "9223372036854775807"}})),
       "413"},
      {"a content-length over all numbers",
       headers(1, post("/echo", {{"content-length", "99999999999999999999"}})), "reset 1"},
      {"a body over the limit", headers(1, post("/echo", {{"content-length", "1048577"}})), "413"},
      {"an unknown content-encoding", headers(1, post("/echo", {{"content-encoding", "br"}})), "415"},
      {"a content-encoding that isn't true",
       headers(1, post("/echo", {{"content-encoding", "gzip"}})) + data(1, "hello", true), "400"},
      {"a content-encoding of nothing", headers(1, post("/echo", {{"content-encoding", "gzip"}}), true),
       "400"},
      {"an expectation", headers(1, post("/echo", {{"expect", "miracles"}})), "417"},
      {"a head of 20 KiB", call(grpc("/echo", {{"x-long", std::string(20'000, 'x')}})),
       "8 the head is larger than the limit of 16384 bytes"},
      {"a head of 20 KiB in pieces", call([] {
         Pairs fields = grpc("/echo");
         for (int i = 0; i < 400; ++i) fields.emplace_back("x-" + std::to_string(i), std::string(20, 'x'));
         return fields;
       }()),
       "8 the head is larger than the limit of 16384 bytes"},
      {"a head of REST of 20 KiB", headers(1, get("/" + std::string(16'300, 'x')), true), "431"},
      {"CONNECT", headers(1, {{":method", "CONNECT"}, {":authority", "h:1"}}, true), "400"},
      {"trailers", headers(1, grpc("/echo")) + data(1, message("a")) + headers(1, {{"x-sum", "1"}}, true),
       "OK a"},
      {"trailers that don't end the stream",
       headers(1, grpc("/echo")) + data(1, message("a")) + headers(1, {{"x-sum", "1"}}), "reset 1"},
      {"a pseudo-field in trailers",
       headers(1, grpc("/echo")) + data(1, message("a")) + headers(1, {{":path", "/x"}}, true), "reset 1"},
  };
  for (const char* text : {"", "m", "1", "1x", "123456789m", "-1m", "+1m", "1.5S", "0x1m", "1 m"})
    cases.push_back({"timeout '" + std::string(text) + "'", with_timeout(text), timeout});
  return cases;
}

std::vector<Case> frame_cases() {
  const std::string call = headers(1, grpc("/echo"));
  const std::string block = hpack(grpc("/echo"));
  std::string flood = frame(NGHTTP2_HEADERS, 0, 1, block);
  for (int i = 0; i < 100; ++i) flood += frame(NGHTTP2_CONTINUATION, 0, 1, "");
  const std::string in_two = frame(NGHTTP2_HEADERS, 0, 1, block.substr(0, 20)) +
                             frame(NGHTTP2_CONTINUATION, end_headers, 1, block.substr(20));
  // One byte for each field, which the table makes 4 KB of.
  std::string bomb =
      frame(NGHTTP2_HEADERS, end_headers, 1,
            block + '\x40' + hpack({{"x", std::string(3900, 'b')}}).substr(1) + std::string(12'000, '\xbe'));
  return {
      {"a head in two frames", in_two + data(1, message("a"), true), "OK a"},
      {"a flood of CONTINUATION", flood, "closed"},
      {"a bomb of HPACK", bomb, "reset 2"},
      {"an index that no table has", frame(NGHTTP2_HEADERS, end_headers, 1, "\xff\xff\x01"), "goaway 9"},
      {"HPACK that is cut off", frame(NGHTTP2_HEADERS, end_headers, 1, block.substr(0, 30)), "goaway 9"},
      {"a frame between HEADERS and CONTINUATION",
       frame(NGHTTP2_HEADERS, 0, 1, block) + frame(NGHTTP2_PING, 0, 0, "12345678"), "goaway 1"},
      {"CONTINUATION without HEADERS", frame(NGHTTP2_CONTINUATION, end_headers, 1, block), "goaway 1"},
      {"DATA before HEADERS", data(1, "a"), "goaway 1"},
      {"DATA of stream 0", call + data(0, "a"), "goaway 1"},
      {"DATA behind the end", call + data(1, message("a"), true) + data(1, "b"), "goaway 5"},
      {"HEADERS of stream 0", headers(0, grpc("/echo")), "goaway 1"},
      {"HEADERS of an even stream", headers(2, grpc("/echo")), "goaway 1"},
      {"a stream that is older than others", headers(5, grpc("/late")) + headers(3, grpc("/late")), "-"},
      {"a stream that depends on itself",
       frame(NGHTTP2_HEADERS, end_headers | NGHTTP2_FLAG_PRIORITY, 1, big_endian(1, 4) + "\x10" + block),
       "goaway 1"},
      {"padding longer than its frame",
       call + frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1,
                    "\x20"
                    "abc"),
       "goaway 1"},
      {"padding",
       call + frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED | end_stream, 1,
                    "\x03" + message("a") + std::string(3, '\0')),
       "OK a"},
      {"a frame larger than allowed", call + data(1, std::string(16'385, 'a')), "goaway 6"},
      {"a push", frame(NGHTTP2_PUSH_PROMISE, end_headers, 1, big_endian(2, 4) + block), "goaway 1"},
      {"a PING of 7 bytes", frame(NGHTTP2_PING, 0, 0, "1234567"), "goaway 6"},
      {"a PING of a stream", frame(NGHTTP2_PING, 0, 1, "12345678"), "goaway 1"},
      {"a window of nothing", call + window(1, 0), "goaway 1"},
      {"a connection's window of nothing", window(0, 0), "goaway 1"},
      {"a connection's window over all numbers", window(0, 0x7fffffff), "goaway 3"},
      {"a stream's window over all numbers", call + window(1, 0x7fffffff), "reset 3"},
      {"a window of 3 bytes", frame(NGHTTP2_WINDOW_UPDATE, 0, 0, "123"), "goaway 6"},
      {"RST_STREAM of a stream that isn't", reset(1), "goaway 1"},
      {"RST_STREAM of 3 bytes", call + frame(NGHTTP2_RST_STREAM, 0, 1, "123"), "goaway 6"},
      {"SETTINGS of 5 bytes", frame(NGHTTP2_SETTINGS, 0, 0, "12345"), "goaway 6"},
      {"SETTINGS of a stream", frame(NGHTTP2_SETTINGS, 0, 1, ""), "goaway 1"},
      {"SETTINGS with a frame size of 1", settings({{NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1}}), "goaway 1"},
      {"SETTINGS with a window over all numbers",
       settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x80000000}}), "goaway 3"},
      {"SETTINGS with a push of 2", settings({{NGHTTP2_SETTINGS_ENABLE_PUSH, 2}}), "goaway 1"},
      {"an unknown setting", settings({{0x7777, 1}}) + call + data(1, message("a"), true), "OK a"},
      {"an unknown kind of frame", frame(0x77, 0, 0, "abc") + call + data(1, message("a"), true), "OK a"},
      {"a GOAWAY of 3 bytes", frame(NGHTTP2_GOAWAY, 0, 0, "123"), "goaway 6"},
  };
}

void check(const Case& each) {
  INFO(each.name);
  H2Fixture at;
  at.greet();
  at.say(each.bytes);
  CHECK(outcome(at) == each.expected);
  at.run();
  const bool over = !at.reader->goaways.empty() || at.ended;
  if (!over) {
    // Whoever is right goes on.
    at.say(headers(9, grpc("/echo")) + data(9, message("right"), true));
    CHECK(at.answer(9).grpc() == "OK right");
    at.say(reset(1));
  }
  for (const auto& exchange : at.handler.late) exchange->send();
  at.run();
  at.hang_up();
  at.run();
  CHECK(at.thread.under_way == 0);
  CHECK(at.memory.used() == 0);
  CHECK_FALSE(at.is_open());
}

}  // namespace

TEST_CASE("broken messages of gRPC") {
  for (const Case& each : message_cases()) check(each);
}

TEST_CASE("broken heads over HTTP/2") {
  for (const Case& each : head_cases()) check(each);
}

TEST_CASE("broken frames of HTTP/2") {
  for (const Case& each : frame_cases()) check(each);
}

TEST_CASE("broken prefaces of HTTP/2") {
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"),
        std::string(100, '\0'), std::string(preface) + headers(1, get("/echo"), true)}) {
    H2Fixture at;
    at.say(bytes);
    CHECK((at.ended || !at.reader->goaways.empty()));
    CHECK(at.handler.log.empty());
  }
}

TEST_CASE("the encodings of messages that there are, are said where one isn't") {
  H2Fixture at;
  at.greet();
  at.say(headers(1, grpc("/echo", {{"grpc-encoding", "zstd"}})));
  CHECK(at.answer(1).field("grpc-accept-encoding") == "identity,deflate,gzip");
}
