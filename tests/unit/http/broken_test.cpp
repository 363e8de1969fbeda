// Requests that are broken, on purpose or not: each is refused by its status, once, and the connection ends.
#include <zlib.h>

#include <string>
#include <vector>

#include "deflated.hpp"
#include "http_fixture.hpp"

using namespace nn;
using namespace nn::test;

namespace {

struct Broken {
  const char* what;
  std::string bytes;
  const char* status;
};

std::string line(std::string_view request_line, std::string_view fields = "Host: h\r\n",
                 std::string_view body = "") {
  return fmt::format("{}\r\n{}\r\n{}", request_line, fields, body);
}
std::string with(std::string_view fields, std::string_view body = "") {
  return line("POST /b HTTP/1.1", fmt::format("Host: h\r\n{}", fields), body);
}
std::string chunked(std::string_view chunks, std::string_view fields = "") {
  return with(fmt::format("{}Transfer-Encoding: chunked\r\n", fields), chunks);
}
std::string coded(std::string_view coding, std::string_view body) {
  return with(fmt::format("Content-Encoding: {}\r\nContent-Length: {}\r\n", coding, body.size()), body);
}

const std::string long_text(9000, 'x');
const std::string nul(1, '\0');

// The limit of bodies is 1 MiB here, that of inflated ones too.
const std::vector<Broken>& broken() {
  static const std::vector<Broken> cases = {
      // Request lines.
      {"no method", line(" / HTTP/1.1"), "400"},
      {"TLS", "\x16\x03\x01\x02", "400"},
      {"high bytes", "\xff\xfe\xfd\xfc", "400"},
      {"a NUL", nul + nul, "400"},
      {"a method that is no word", line("G(T / HTTP/1.1"), "400"},
      {"a method alone", line("GET"), "400"},
      {"no target", line("GET HTTP/1.1"), "400"},
      {"two spaces", line("GET  / HTTP/1.1"), "400"},
      {"a tab for a space", line("GET\t/ HTTP/1.1"), "400"},
      {"a control character in the target", line("GET /\x01 HTTP/1.1"), "400"},
      {"a NUL in the target", line("GET /" + nul + " HTTP/1.1"), "400"},
      {"a target that is no path", line("GET a HTTP/1.1"), "400"},
      {"a target of CONNECT", line("CONNECT h:80 HTTP/1.1"), "400"},
      {"another scheme", line("GET ftp://h/ HTTP/1.1"), "400"},
      {"* for GET", line("GET * HTTP/1.1"), "400"},
      {"HTTP/0.9", "GET /\r\n\r\n", "400"},
      {"HTTP/1.2", line("GET / HTTP/1.2"), "505"},
      {"HTTP/2.0 in words", line("GET / HTTP/2.0"), "505"},
      {"HTTP/3.0", line("GET / HTTP/3.0"), "505"},
      {"another protocol", line("GET / HTTQ/1.1"), "400"},
      {"a version in small letters", line("GET / http/1.1"), "400"},
      {"a version without digits", line("GET / HTTP/x.y"), "400"},
      {"a version that goes on", line("GET / HTTP/1.10"), "400"},
      {"text behind the version", line("GET / HTTP/1.1 x"), "400"},
      {"lines that end with LF", "GET / HTTP/1.1\nHost: h\n\n", "400"},
      {"lines that end with CR", "GET / HTTP/1.1\rHost: h\r\r\n\n", "400"},
      {"a long target", line("GET /" + long_text + " HTTP/1.1"), "431"},
      {"a long line without an end", "GET /" + long_text, "431"},
      // Fields.
      {"no colon", with("Host\r\n"), "400"},
      {"no name", with(": x\r\n"), "400"},
      {"a space before the colon", with("X : y\r\n"), "400"},
      {"a space before the name", line("GET / HTTP/1.1", " X: y\r\nHost: h\r\n"), "400"},
      {"a name that is no word", with("X(: y\r\n"), "400"},
      {"a name with high bytes", with("X\xe4: y\r\n"), "400"},
      {"a NUL in a value", with("X: a" + nul + "b\r\n"), "400"},
      {"a control character in a value",
       with("X: a\x02"
            "b\r\n"),
       "400"},
      {"DEL in a value", with("X: a\x7f\r\n"), "400"},
      {"CR alone in a value", with("X: a\rb\r\n"), "400"},
      {"CR CR LF", with("X: a\r\r\n"), "400"},
      {"LF alone in a value", with("X: a\nY: b\r\n"), "400"},
      {"a value that goes on in another line", with("X: a\r\n b\r\n"), "400"},
      {"a value that begins in another line", with("X:\r\n\ta\r\n"), "400"},
      {"no Host", line("GET / HTTP/1.1", ""), "400"},
      {"two Hosts", line("GET / HTTP/1.1", "Host: a\r\nHost: b\r\n"), "400"},
      {"a Host with a space", line("GET / HTTP/1.1", "Host: a b\r\n"), "400"},
      {"a Host with a path", line("GET / HTTP/1.1", "Host: h/x\r\n"), "400"},
      {"a Host with a user", line("GET / HTTP/1.1", "Host: u@h\r\n"), "400"},
      {"a Host with high bytes", line("GET / HTTP/1.1", "Host: h\xff\r\n"), "400"},
      {"a long value", with("X: " + long_text + "\r\n"), "431"},
      {"a long name", with(long_text + ": x\r\n"), "431"},
      {"fields without an end", "GET / HTTP/1.1\r\nX: " + long_text, "431"},
      {"another expectation", with("Expect: 200-ok\r\nContent-Length: 1\r\n", "x"), "417"},
      // Where the body ends: what one server takes for a body, another must not take for a request.
      {"a length that is no number", with("Content-Length: x\r\n"), "400"},
      {"no length", with("Content-Length:\r\n"), "400"},
      {"a negative length", with("Content-Length: -1\r\n"), "400"},
      {"a length with a sign", with("Content-Length: +1\r\n", "x"), "400"},
      {"a hexadecimal length", with("Content-Length: 0x1\r\n", "x"), "400"},
      {"a length with a fraction", with("Content-Length: 1.0\r\n", "x"), "400"},
      {"a length of 65 bits", with("Content-Length: 18446744073709551616\r\n"), "400"},
      {"a length of 64 bits", with("Content-Length: 18446744073709551615\r\n"), "413"},
      {"two lengths", with("Content-Length: 1\r\nContent-Length: 2\r\n", "x"), "400"},
      {"the same length twice", with("Content-Length: 1\r\nContent-Length: 1\r\n", "x"), "400"},
      {"a list of lengths", with("Content-Length: 1, 1\r\n", "x"), "400"},
      {"a length and chunks", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       "400"},
      {"chunks and a length", chunked("0\r\n\r\n", "Content-Length: 5\r\n"), "400"},
      {"chunks of HTTP/1.0", line("POST /b HTTP/1.0", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400"},
      {"an unknown transfer encoding", with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), "400"},
      {"chunks that aren't the last encoding", with("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"),
       "400"},
      {"an encoding below chunks", with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "501"},
      {"chunks twice", with("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), "400"},
      {"two transfer encodings", chunked("0\r\n\r\n", "Transfer-Encoding: identity\r\n"), "400"},
      {"chunks with a parameter", with("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"), "400"},
      {"chunks behind a vertical tab",
       with("Transfer-Encoding: \x0b"
            "chunked\r\n",
            "0\r\n\r\n"),
       "400"},
      {"chunks before a colon with a space", with("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), "400"},
      {"chunks and an empty encoding", with("Transfer-Encoding: chunked, \r\n", "0\r\n\r\n"), "400"},
      {"a length before a colon with a space", with("Content-Length : 1\r\n", "x"), "400"},
      {"two lengths in a line", with("Content-Length: 1 1\r\n", "x"), "400"},
      {"quoted chunks", with("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), "400"},
      {"a body that is too large", with("Content-Length: 1048577\r\n"), "413"},
      // Chunks.
      {"a chunk's size that is no number", chunked("x\r\n"), "400"},
      {"a chunk without a size", chunked("\r\n\r\n"), "400"},
      {"a chunk's size with a sign", chunked("-1\r\nx\r\n"), "400"},
      {"a chunk's size with 0x", chunked("0x1\r\nx\r\n0\r\n\r\n"), "400"},
      {"a chunk's size of 65 bits", chunked("10000000000000000\r\nx"), "400"},
      {"a chunk that is too large", chunked("ffffffff\r\n" + std::string(1 << 20, 'x') + "y"), "413"},
      {"chunks that are too large",
       chunked("80000\r\n" + std::string(0x80000, 'x') + "\r\n80001\r\n" + std::string(0x80001, 'x') +
               "\r\n0\r\n\r\n"),
       "413"},
      {"a chunk that goes on behind its size", chunked("1\r\nxy\r\n0\r\n\r\n"), "400"},
      {"a chunk that ends with LF", chunked("1\r\nx\n0\r\n\r\n"), "400"},
      {"a chunk's size that ends with LF", chunked("1\nx\r\n0\r\n\r\n" + long_text), "400"},
      {"a chunk's size with a space in it", chunked("1 1\r\nx\r\n0\r\n\r\n"), "400"},
      {"a chunk's size with a space behind it", chunked("1 \r\nx\r\n0\r\n\r\n"), "400"},
      {"a chunk's size with a space before it", chunked(" 1\r\nx\r\n0\r\n\r\n"), "400"},
      {"a chunk's extension with LF", chunked("1;a\nb\r\nx\r\n0\r\n\r\n"), "400"},
      {"a chunk's extension with CR", chunked("1;a\rb\r\nx\r\n0\r\n\r\n"), "400"},
      {"a chunk's extension that ends with LF", chunked("1;a\nx\r\n0\r\n\r\n"), "400"},
      {"a chunk that ends with CR and a letter", chunked("1\r\nx\ry0\r\n\r\n"), "400"},
      {"a chunk's extension that is none", chunked("1;=\r\nx\r\n0\r\n\r\n"), "400"},
      {"a long extension", chunked("1;x=" + long_text + long_text), "400"},
      {"a long trailer", chunked("1\r\nx\r\n0\r\nX: " + long_text + long_text), "400"},
      {"a trailer that is no field", chunked("0\r\nx\r\n\r\n"), "400"},
      // Compression.
      {"an unknown encoding", coded("br", "x"), "415"},
      {"two encodings", coded("gzip, gzip", "x"), "415"},
      {"no gzip", coded("gzip", "this is a text, not compressed"), "400"},
      {"no deflate", coded("deflate", "\x78\x9c this is a text"), "400"},
      {"half of a stream", coded("gzip", gzipped("a text").substr(0, 12)), "400"},
      {"text behind the stream", coded("deflate", deflated("a text") + "x"), "400"},
      {"a byte of deflate", coded("deflate", "\x78"), "400"},
      {"a wrong checksum",
       coded("gzip",
             [] {
               std::string bytes = gzipped("a text");
               bytes[bytes.size() - 8] = static_cast<char>(bytes[bytes.size() - 8] + 1);
               return bytes;
             }()),
       "400"},
      {"nothing, compressed", coded("gzip", ""), "400"},
      {"a bomb", coded("gzip", gzipped(std::string(64 << 20, '\0'))), "413"},
      {"a bomb in chunks", chunked(chunk(gzipped(std::string(64 << 20, '\0'))), "Content-Encoding: gzip\r\n"),
       "413"},
      {"many bombs behind each other", coded("gzip", repeated(gzipped(std::string(1 << 18, '\0')), 64)),
       "413"},
      {"a bomb without a wrapper", coded("deflate", raw_deflated(std::string(64 << 20, '\0'))), "413"},
  };
  return cases;
}

// Is it refused with this status, and then nothing else done?
void check_refused(HttpFixture& f, HttpClient& client, const std::string& answer, const Broken& c) {
  CHECK(status_of(answer) == c.status);
  CHECK(answers_in(answer) == 1);
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(client.ended);
  CHECK(f.handler->refused == 1);
  client.hang_up();
  f.run();
  CHECK(f.server->connections() == 0);
}

}  // namespace

TEST_CASE("broken requests are refused by their status, once, and the connection ends") {
  CHECK(broken().size() >= 60);
  for (const Broken& c : broken()) {
    INFO(c.what);
    HttpFixture f;
    auto client = f.connect();
    check_refused(f, client, f.ask(client, c.bytes + get("/smuggled")), c);
    CHECK(std::count(f.handler->begun.begin(), f.handler->begun.end(), "/smuggled") == 0);
  }
}

TEST_CASE("broken requests that come byte by byte are refused in the same way") {
  for (const Broken& c : broken()) {
    if (c.bytes.size() > 20'000) continue;
    INFO(c.what);
    HttpFixture f;
    auto client = f.connect();
    std::string answer;
    for (const char byte : c.bytes) {
      client.send({&byte, 1});
      f.run();
      answer += client.take();
    }
    check_refused(f, client, answer, c);
  }
}

TEST_CASE("a broken request behind good ones is refused behind their answers") {
  for (const Broken& c : broken()) {
    if (c.bytes.size() > 20'000) continue;
    INFO(c.what);
    HttpFixture f;
    f.handler->later = true;
    auto client = f.connect();
    client.send(get("/1") + post("/2", "two") + c.bytes);
    f.run();
    f.answer(1);
    CHECK(client.take().empty());
    f.answer();
    const std::string answer = client.take();
    CHECK(answers_in(answer) == 3);
    const auto last = answer.rfind("HTTP/1.1 ");
    CHECK(status_of(std::string_view(answer).substr(last)) == c.status);
  }
}
