// What SockJS serves beside its sessions.
#include "gateway/sockjs/pages.hpp"
#include "sockjs_rig.hpp"

#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::sockjs::test {
namespace {

using http::test::Answer;
using http::test::Client;
using testing::HasSubstr;
using testing::StartsWith;

struct SockjsPages : testing::Test {
  Answer ask(const std::string& request, bool head_only = false) {
    return Client(rig.http).ask(request, head_only);
  }
  SockjsRig rig;
};

TEST_F(SockjsPages, greets_at_its_address) {
  const Answer answer = ask(get("/ws/"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-type"), "text/plain; charset=UTF-8");
  EXPECT_EQ(answer.body, "Welcome to SockJS!\n");
  EXPECT_EQ(answer.header("set-cookie"), "");
}

TEST_F(SockjsPages, knows_nothing_else) {
  for (const char* target : {"/ws/a", "/ws/a.html", "/ws//", "/ws///", "/ws/a/a", "/ws/a/a/", "/ws/a/",
                             "/ws/iframe.htm", "/ws/iframe", "/ws/IFRAME.HTML", "/ws/IFRAME",
                             "/ws/iframe.HTML", "/ws/iframe.xml", "/ws/iframe-/.html"})
    EXPECT_EQ(ask(get(target)).status, 404) << target;
}

TEST_F(SockjsPages, the_page_for_iframes_is_kept_for_a_year) {
  for (const char* target : {"/ws/iframe.html", "/ws/iframe-a.html", "/ws/iframe-.html",
                             "/ws/iframe-0.1.2.html", "/ws/iframe-0.1.2abc-dirty.2144.html?t=1234"}) {
    const Answer answer = ask(get(target));
    EXPECT_EQ(answer.status, 200) << target;
    EXPECT_EQ(answer.header("content-type"), "text/html; charset=UTF-8");
    EXPECT_EQ(answer.header("cache-control"), "public, max-age=31536000");
    EXPECT_EQ(answer.header("expires"), "Wed, 06 Jan 2027 10:30:01 GMT");
    EXPECT_EQ(answer.header("last-modified"), "");
    EXPECT_THAT(answer.body, StartsWith("<!DOCTYPE html>\n<html>\n"));
    EXPECT_THAT(answer.body, HasSubstr("SockJS.bootstrap_iframe();"));
    EXPECT_THAT(answer.body, HasSubstr("<script src=\"/assets/sockjs.min.js\"></script>"));
  }
}

TEST_F(SockjsPages, who_has_the_page_gets_304) {
  const std::string tag = ask(get("/ws/iframe.html")).header("etag");
  ASSERT_FALSE(tag.empty());
  EXPECT_EQ(ask(get("/ws/iframe-1.html")).header("etag"), tag);
  const Answer again = ask(get("/ws/iframe.html", "If-None-Match: " + tag + "\r\n"));
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.header("content-type"), "");
  EXPECT_EQ(again.body, "");
  for (const std::string& known : {"W/" + tag, "\"x\", " + tag, std::string("*")})
    EXPECT_EQ(ask(get("/ws/iframe.html", "If-None-Match: " + known + "\r\n")).status, 304) << known;
  EXPECT_EQ(ask(get("/ws/iframe.html", "If-None-Match: \"x\"\r\n")).status, 200);
}

TEST_F(SockjsPages, T2_the_page_for_iframes_is_for_our_pages_and_those_that_are_listed) {
  EXPECT_EQ(ask(get("/ws/iframe.html")).header("content-security-policy"), "frame-ancestors 'self'");
  FrontEnd open;
  open.frame_ancestors = "";
  SockjsRig for_all(open);
  EXPECT_EQ(Client(for_all.http).ask(get("/ws/iframe.html")).header("content-security-policy"), "");
}

TEST_F(SockjsPages, what_is_no_path_is_404_for_every_method) {
  for (const char* target :
       {"/ws/a./a/xhr", "/ws/a/a./xhr", "/ws/a./a/websocket", "/ws/a/a/x", "/ws/a/a/xhr/"})
    for (const char* method : {"GET", "POST", "PUT", "OPTIONS"}) {
      const Answer answer = ask(std::string(method) + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
      EXPECT_EQ(answer.status, 404) << method << ' ' << target;
      EXPECT_EQ(answer.header("content-type"), "text/plain; charset=UTF-8");
    }
}

TEST_F(SockjsPages, says_what_the_server_can) {
  const Answer answer = ask(get("/ws/info", "Origin: https://ours.example\r\n"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-type"), "application/json; charset=UTF-8");
  EXPECT_EQ(answer.header("cache-control"), "no-store, no-cache, must-revalidate, max-age=0");
  EXPECT_EQ(answer.header("access-control-allow-origin"), "https://ours.example");
  EXPECT_EQ(answer.header("access-control-allow-credentials"), "true");
  const boost::json::object info = boost::json::parse(answer.body).as_object();
  EXPECT_TRUE(info.at("websocket").as_bool());
  EXPECT_FALSE(info.at("cookie_needed").as_bool());
  EXPECT_EQ(boost::json::serialize(info.at("origins")), R"(["*:*"])");
  EXPECT_TRUE(info.at("entropy").is_int64());
  EXPECT_NE(ask(get("/ws/info")).body, answer.body);
}

TEST_F(SockjsPages, a_preflight_is_answered_for_a_year) {
  for (const char* target :
       {"/ws/info", "/ws/abc/abc/xhr", "/ws/abc/abc/xhr_send", "/ws/abc/abc/xhr_streaming"}) {
    const Answer answer = ask("OPTIONS " + std::string(target) +
                              " HTTP/1.1\r\nHost: a\r\nOrigin: https://ours.example\r\n"
                              "Access-Control-Request-Method: POST\r\n\r\n");
    EXPECT_EQ(answer.status, 204) << target;
    EXPECT_EQ(answer.header("access-control-max-age"), "31536000");
    EXPECT_EQ(answer.header("access-control-allow-origin"), "https://ours.example");
    EXPECT_EQ(answer.header("access-control-allow-methods"),
              std::string(target).ends_with("info") ? "OPTIONS, GET" : "OPTIONS, POST");
  }
}

TEST_F(SockjsPages, T2_foreign_pages_get_nothing) {
  for (const std::string& request :
       {get("/ws/info", "Origin: https://evil.example\r\n"),
        get("/ws/info", "Sec-Fetch-Site: cross-site\r\n"),
        post("/ws/0/a/xhr", "", "Origin: https://evil.example\r\n"),
        post("/ws/0/a/xhr", "", "Origin: null\r\n"),
        post("/ws/0/a/xhr", "", "Origin: https://ours.example\r\nOrigin: https://evil.example\r\n"),
        post("/ws/0/a/xhr_send", "[\"a\"]", "Origin: https://evil.example\r\n"),
        post("/ws/0/a/xhr_streaming", "", "Origin: https://evil.example\r\n"),
        get("/ws/0/a/eventsource", "Sec-Fetch-Site: cross-site\r\n"),
        get("/ws/0/a/eventsource", "Origin: https://evil.example\r\n"),
        get("/ws/0/a/websocket", "Origin: https://evil.example\r\n")}) {
    const Answer answer = ask(request);
    EXPECT_EQ(answer.status, 403) << request;
    EXPECT_EQ(answer.header("content-type"), "text/plain; charset=UTF-8");
    EXPECT_EQ(answer.header("access-control-allow-origin"),
              request.find("Origin") == std::string::npos ? "*" : "");
    EXPECT_EQ(answer.header("x-content-type-options"), "nosniff");
  }
  EXPECT_EQ(rig.service->admitted, 0);
}

TEST_F(SockjsPages, transports_of_browsers_that_are_gone_are_not_served) {
  for (const std::string& request :
       {get("/ws/0/a/htmlfile?c=x"), get("/ws/0/a/jsonp?c=x"), post("/ws/0/a/jsonp_send", "d=")})
    EXPECT_EQ(ask(request).status, 404) << request;
}

TEST_F(SockjsPages, another_method_is_405_without_a_body) {
  for (const std::string& request :
       {get("/ws/0/a/xhr"), get("/ws/0/a/xhr_send"), get("/ws/0/a/xhr_streaming"), post("/ws/0/a/websocket"),
        post("/ws/0/a/eventsource"), post("/ws/info")}) {
    const Answer answer = ask(request);
    EXPECT_EQ(answer.status, 405) << request;
    EXPECT_EQ(answer.header("content-type"), "");
    EXPECT_NE(answer.header("allow"), "");
    EXPECT_EQ(answer.body, "");
  }
  EXPECT_EQ(ask("HEAD /ws/0/a/xhr HTTP/1.1\r\nHost: a\r\n\r\n", true).status, 405);
}

}  // namespace
}  // namespace corohub::gateway::sockjs::test
