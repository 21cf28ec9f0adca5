#include "gateway/wire/deflate_offer.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

const std::string base = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const std::string agreed = base + "; server_max_window_bits=11";

// "none" and "malformed" beside the answer.
std::string answer_to_all(const std::vector<std::string>& offers, bool compression = true) {
  http::Request request;
  for (const std::string& offer : offers) request.headers.push_back({"sec-websocket-extensions", offer});
  const Result<std::string> said = answer_extensions(request, compression);
  if (said) return said->empty() ? "none" : *said;
  EXPECT_EQ(said.error().code, ErrorCode::invalid_request);
  return "malformed";
}
std::string answer(const std::string& offer) { return answer_to_all({offer}); }

TEST(DeflateOffer, without_one_nothing_is_answered) {
  EXPECT_EQ(answer_to_all({}), "none");
  EXPECT_EQ(answer("x-webkit-deflate-frame"), "none");
  EXPECT_EQ(answer("permessage-bzip2; server_no_context_takeover"), "none");
}

TEST(DeflateOffer, we_promise_to_keep_no_context_and_ask_the_same) {
  EXPECT_EQ(answer("permessage-deflate"), agreed);
  EXPECT_EQ(answer("permessage-deflate; server_no_context_takeover"), agreed);
  EXPECT_EQ(answer("permessage-deflate; client_no_context_takeover; server_no_context_takeover"), agreed);
}

// RFC 7692 section 7.1.2.1: what was asked for is an upper bound; an answer may name it unasked.
TEST(DeflateOffer, our_window_is_11_bits_or_there_is_no_agreement) {
  for (int bits = 11; bits <= 15; ++bits)
    EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=" + std::to_string(bits)), agreed) << bits;
  for (int bits = 8; bits <= 10; ++bits)
    EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=" + std::to_string(bits)), "none") << bits;
}

// Section 7.1.2.2: only who offers it may be told.
TEST(DeflateOffer, the_client_s_window_is_limited_where_it_lets_us) {
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits"), agreed + "; client_max_window_bits=11");
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits=15"), agreed + "; client_max_window_bits=11");
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits=9"), agreed + "; client_max_window_bits=9");
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits=8"), agreed + "; client_max_window_bits=8");
}

TEST(DeflateOffer, the_first_acceptable_one_counts) {
  EXPECT_EQ(
      answer("permessage-deflate; server_max_window_bits=9, permessage-deflate; client_max_window_bits"),
      agreed + "; client_max_window_bits=11");
  EXPECT_EQ(answer("permessage-deflate, permessage-deflate; client_max_window_bits"), agreed);
  EXPECT_EQ(answer_to_all(
                {"x-other; a=b, permessage-deflate; what", "permessage-deflate; client_max_window_bits=10"}),
            agreed + "; client_max_window_bits=10");
}

TEST(DeflateOffer, a_bad_parameter_declines_its_offer) {
  for (const std::string parameter : {"unknown",
                                      "unknown=1",
                                      "server_no_context_takeover=1",
                                      "client_no_context_takeover=true",
                                      "server_max_window_bits",
                                      "server_max_window_bits=7",
                                      "server_max_window_bits=16",
                                      "server_max_window_bits=011",
                                      "server_max_window_bits=+11",
                                      "server_max_window_bits=11x",
                                      "server_max_window_bits=99999999999999999999",
                                      "client_max_window_bits=7",
                                      "client_max_window_bits=16",
                                      "client_max_window_bits=010",
                                      "client_max_window_bits=-9",
                                      "Server_Max_Window_Bits=15",
                                      "server_no_context_takeover; server_no_context_takeover",
                                      "client_no_context_takeover; client_no_context_takeover",
                                      "server_max_window_bits=12; server_max_window_bits=12",
                                      "client_max_window_bits; client_max_window_bits=12"}) {
    EXPECT_EQ(answer("permessage-deflate; " + parameter), "none") << parameter;
    EXPECT_EQ(answer("permessage-deflate; " + parameter + ", permessage-deflate"), agreed) << parameter;
  }
}

TEST(DeflateOffer, blanks_quotes_and_empty_elements_do_not_matter) {
  EXPECT_EQ(
      answer(" permessage-deflate\t;\tserver_max_window_bits =  \"12\" ;client_max_window_bits=\"1\\0\""),
      agreed + "; client_max_window_bits=10");
  EXPECT_EQ(answer(" , ,permessage-deflate,, "), agreed);
  EXPECT_EQ(answer_to_all({"", "permessage-deflate"}), agreed);
}

// RFC 6455 section 4.2.1: what breaks the grammar of a handshake is answered with 400.
TEST(DeflateOffer, T5_what_is_no_list_of_extensions_is_malformed_also_when_nothing_is_compressed) {
  for (const std::string value : {"",
                                  " ",
                                  ",",
                                  ";",
                                  "=",
                                  "permessage-deflate;",
                                  "permessage-deflate; ;",
                                  "permessage-deflate; =1",
                                  "permessage-deflate; client_max_window_bits=",
                                  "permessage-deflate; a=,b",
                                  "permessage-deflate; a=\"",
                                  "permessage-deflate; a=\"\"",
                                  "permessage-deflate; a=\"1",
                                  "permessage-deflate; a=\"1 2\"",
                                  "permessage-deflate; a=\"1\\",
                                  "permessage-deflate; a=\"1\"2",
                                  "permessage deflate",
                                  "a b",
                                  "a; b c",
                                  "a; b==c",
                                  "\"permessage-deflate\"",
                                  "a=b",
                                  "a; b/c",
                                  "p\xc3\xa4",
                                  "permessage-deflate; a=(1)"}) {
    EXPECT_EQ(answer(value), "malformed") << value;
    EXPECT_EQ(answer_to_all({"permessage-deflate", value + ' ' + value + " x ;"}), "malformed") << value;
    EXPECT_EQ(answer_to_all({value}, false), "malformed") << value;
  }
}

TEST(DeflateOffer, nothing_is_agreed_where_compression_is_off) {
  EXPECT_EQ(answer_to_all({"permessage-deflate; client_max_window_bits"}, false), "none");
}

}  // namespace
}  // namespace corohub::gateway
