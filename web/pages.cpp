#include "web/pages.hpp"

#include "core/embedded.hpp"
#include "core/encoding.hpp"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

// Made by cmake/Embed.cmake.
namespace corohub {
std::string_view web_page(std::string_view name);
std::span<const EmbeddedFile> web_asset_all();
}  // namespace corohub

namespace corohub::web {
namespace {

using http::Access;
using http::Context;
using http::Method;
using http::Response;
using http::ResponseHeader;

// Scripts and styles are files of the server, nothing is inline, nothing comes from elsewhere, and no page
// may put ours into a frame.
constexpr std::string_view content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string_view content_type(std::string_view name) noexcept {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  return "application/json";
}

// One file of the binary, with the headers that are sent with it.
class Page {
 public:
  explicit Page(const EmbeddedFile& file)
      : content_(file.content),
        content_type_(content_type(file.name)),
        etag_('"' + base64url(sha256_text(file.content)).substr(0, 22) + '"') {}

  Response answer(const http::Request& request) const {
    Response response;
    response.content_type = content_type_;
    response.headers = {
        ResponseHeader{"ETag", etag_},
        ResponseHeader{"Cache-Control", "no-cache"},  // browsers ask each time; mostly the answer is 304
        ResponseHeader{"Content-Security-Policy", std::string(content_security_policy)},
        ResponseHeader{"Referrer-Policy", "no-referrer"},
        ResponseHeader{"X-Content-Type-Options", "nosniff"}};
    if (request.has_token("If-None-Match", etag_) || request.header("If-None-Match") == "*")
      response.status = 304;
    else
      response.body = content_;
    return response;
  }

 private:
  std::string_view content_;
  std::string_view content_type_;
  std::string etag_;
};

void add_page(http::Router& router, std::string path, std::string_view name) {
  router.add(Method::get, std::move(path), Access::guest,
             [page = Page({name, web_page(name)})](Context& context) -> Task<Response> {
               co_return page.answer(context.request);
             });
}

// Styles and scripts of the pages, by file name.
void add_assets(http::Router& router) {
  std::map<std::string_view, Page> assets;
  for (const EmbeddedFile& file : web_asset_all()) assets.emplace(file.name, file);
  router.add(Method::get, "/pages/{file}", Access::guest,
             [assets = std::move(assets)](Context& context) -> Task<Response> {
               const auto found = assets.find(context.param("file"));
               if (found == assets.end()) co_return fail(Error(ErrorCode::not_found), context);
               co_return found->second.answer(context.request);
             });
}

Task<Response> to_test_page(Context&) {
  Response response;
  response.status = 302;
  response.content_type = {};
  response.headers = {ResponseHeader{"Location", "/websocket-test.html"}};
  co_return response;
}

}  // namespace

void add_page_routes(http::Router& router, bool for_developers) {
  if (for_developers) {
    router.add(Method::get, "/", Access::guest, to_test_page);
    add_page(router, "/websocket-test.html", "websocket-test.html");
    add_page(router, "/test-websocket.js", "test-websocket.js");
    add_page(router, "/docs", "docs.html");
  }
  add_page(router, "/setup", "setup.html");
  add_page(router, "/reset", "reset.html");
  add_page(router, "/openapi.json", "openapi.json");
  add_page(router, "/asyncapi.json", "asyncapi.json");
  add_assets(router);
}

}  // namespace corohub::web
