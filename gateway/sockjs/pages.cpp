#include "gateway/sockjs/pages.hpp"

#include "core/random.hpp"
#include "http/serialize.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

namespace corohub::gateway::sockjs {
namespace {

constexpr std::int64_t year_s = 365 * 24 * 60 * 60;

std::string page_with(std::string_view script) {
  return "<!DOCTYPE html>\n"
         "<html>\n"
         "<head>\n"
         "  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n"
         "  <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n"
         "  <script>\n"
         "    document.domain = document.domain;\n"
         "    _sockjs_onload = function(){SockJS.bootstrap_iframe();};\n"
         "  </script>\n"
         "  <script src=\"" +
         std::string(script) +
         "\"></script>\n"
         "</head>\n"
         "<body>\n"
         "  <h2>Don't panic!</h2>\n"
         "  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>\n"
         "</body>\n"
         "</html>";
}

}  // namespace

http::Response greeting() {
  http::Response response;
  response.content_type = "text/plain; charset=UTF-8";
  response.body = "Welcome to SockJS!\n";
  return response;
}

bool is_iframe_page(std::string_view name) noexcept {
  if (!name.starts_with("iframe") || !name.ends_with(".html")) return false;
  const std::string_view version = name.substr(6, name.size() - 11);
  const auto is_version_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return std::ranges::all_of(version, is_version_char);
}

http::Response iframe_page(const http::Request& request, std::string_view script,
                           std::string_view frame_ancestors, UnixMs now) {
  http::Response response;
  response.body = page_with(script);
  const std::string tag = "\"" + std::to_string(std::hash<std::string>()(response.body)) + "\"";
  response.content_type = "text/html; charset=UTF-8";
  response.headers.push_back({"ETag", tag});
  if (!frame_ancestors.empty())
    response.headers.push_back(
        {"Content-Security-Policy", "frame-ancestors " + std::string(frame_ancestors)});
  response.headers.push_back({"Cache-Control", "public, max-age=" + std::to_string(year_s)});
  response.headers.push_back({"Expires", http::http_date(now + year_s * 1000)});
  const bool is_known = request.has_token("If-None-Match", tag) ||
                        request.has_token("If-None-Match", "W/" + tag) ||
                        request.header("If-None-Match") == "*";
  if (is_known) {
    response.status = 304;
    response.content_type = {};
    response.body.clear();
  }
  return response;
}

http::Response info() {
  std::uint32_t entropy = 0;
  random_bytes(&entropy, sizeof entropy);
  http::Response response;
  response.content_type = "application/json; charset=UTF-8";
  response.body = R"({"websocket":true,"cookie_needed":false,"origins":["*:*"],"entropy":)" +
                  std::to_string(entropy) + "}";
  response.headers.push_back({"Cache-Control", std::string(not_cached)});
  return response;
}

}  // namespace corohub::gateway::sockjs
