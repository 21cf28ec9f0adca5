#include "gateway/stomp/frame.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::stomp {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::Pair;
using Got = Parser::Got;

constexpr std::size_t limit = 20'000;

struct Read {
  std::vector<std::string> frames;  // command, headers and body, as one text each
  std::string fault;                // its code
  bool is_within_frame = false;
};

Read read(std::string_view bytes, std::size_t step = 1 << 20, Version version = Version::v1_2) {
  Parser parser(limit);
  parser.set_version(version);
  Read read;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::string_view piece = bytes.substr(at, step);
    while (true) {
      const Got got = parser.next(piece);
      if (got == Got::fault) {
        read.fault = parser.fault().code;
        return read;
      }
      if (got == Got::nothing) break;
      std::string text = std::to_string(static_cast<int>(parser.frame().command));
      for (const auto& [header, value] : parser.frame().headers.all()) text += "|" + header + "=" + value;
      read.frames.push_back(text + "|" + std::string(parser.frame().body));
    }
  }
  read.is_within_frame = parser.is_within_frame();
  return read;
}

// The fault of one frame.
std::string fault_of(std::string_view bytes, Version version = Version::v1_2) {
  return read(bytes, 1 << 20, version).fault;
}

// Its body stands in `bytes`.
ClientFrame frame_of(Parser& parser, std::string_view bytes) {
  EXPECT_EQ(parser.next(bytes), Got::frame);
  EXPECT_TRUE(bytes.empty());
  return parser.frame();
}

TEST(StompFrame, reads_a_frame_with_headers_and_a_body) {
  Parser parser(limit);
  const std::string bytes = "SEND\ndestination:/topic/rooms/one\ntype:note\n\nhello\0"s;
  const ClientFrame frame = frame_of(parser, bytes);
  EXPECT_EQ(frame.command, ClientCommand::send);
  EXPECT_THAT(frame.headers.all(),
              ElementsAre(Pair("destination", "/topic/rooms/one"), Pair("type", "note")));
  EXPECT_EQ(frame.body, "hello");
  EXPECT_EQ(frame.headers.find("receipt"), std::nullopt);
}

TEST(StompFrame, reads_the_same_however_the_bytes_are_cut) {
  const std::string bytes =
      "\n\r\nCONNECT\naccept-version:1.2\n\n\0\n\nSUBSCRIBE\r\nid:1\r\ndestination:/topic/a\r\n\r\n\0"
      "SEND\ndestination:/topic/a\ncontent-length:5\n\na\0b\0c\0SEND\ndestination:x\n\nb\0\nBAD\na:b\n\n\0"s;
  const Read whole = read(bytes);
  EXPECT_EQ(whole.frames.size(), 4U);
  EXPECT_EQ(whole.fault, "invalid_message");
  for (std::size_t step = 1; step < 40; ++step) {
    const Read cut = read(bytes, step);
    EXPECT_EQ(cut.frames, whole.frames) << step;
    EXPECT_EQ(cut.fault, whole.fault) << step;
  }
}

TEST(StompFrame, skips_heartbeats) {
  const Read read_all = read("\n\n\r\n");
  EXPECT_TRUE(read_all.frames.empty());
  EXPECT_FALSE(read_all.is_within_frame);
}

TEST(StompFrame, knows_that_a_frame_has_not_ended) {
  EXPECT_TRUE(read("SEND\ndestination:x").is_within_frame);
  EXPECT_TRUE(read("SEND\ndestination:x\n\nbody").is_within_frame);
  EXPECT_FALSE(read("SEND\ndestination:x\n\nbody\0"s).is_within_frame);
}

TEST(StompFrame, reads_a_body_by_its_length) {
  Parser parser(limit);
  const std::string bytes = "SEND\ncontent-length:3\n\na\0b\0"s;
  const ClientFrame frame = frame_of(parser, bytes);
  EXPECT_EQ(frame.body, "a\0b"s);
}

TEST(StompFrame, refuses_a_body_that_goes_on_behind_its_length) {
  EXPECT_EQ(fault_of("SEND\ncontent-length:3\n\nabcd\0"s), "invalid_message");
}

TEST(StompFrame, refuses_a_length_that_is_no_number) {
  for (const std::string length : {"", "x", "-1", "+1", "1.0", "3 ", "99999999999999999999999"})
    EXPECT_EQ(fault_of("SEND\ncontent-length:" + length + "\n\nabc\0"s), "invalid_message") << length;
}

TEST(StompFrame, refuses_frames_that_are_too_long_as_soon_as_that_is_known) {
  EXPECT_EQ(fault_of("SEND\ncontent-length:20000\n\n"), "payload_too_large");
  EXPECT_EQ(fault_of("SEND\n\n" + std::string(limit, 'a')), "payload_too_large");
  const std::string fits(limit - std::string_view("SEND\n\n").size(), 'a');
  EXPECT_EQ(read("SEND\n\n" + fits + "\0"s).frames.size(), 1U);
}

TEST(StompFrame, T7_refuses_too_many_headers_and_too_long_ones) {
  std::string head = "SEND\n";
  for (std::size_t i = 0; i < Parser::headers_max; ++i) head += "a:b\n";
  EXPECT_EQ(read(head + "\n\0"s).frames.size(), 1U);
  EXPECT_EQ(fault_of(head + "a:b\n\n\0"s), "payload_too_large");
  EXPECT_EQ(fault_of("SEND\na:" + std::string(Parser::head_bytes_max, 'x')), "payload_too_large");
  EXPECT_EQ(fault_of(std::string(Parser::head_bytes_max + 1, 'X')), "payload_too_large");
}

TEST(StompFrame, T54c_takes_the_first_of_headers_with_the_same_name) {
  Parser parser(limit);
  EXPECT_EQ(frame_of(parser, "SEND\nfoo:1\nfoo:2\n\n\0"s).headers.value("foo"), "1");
}

TEST(StompFrame, refuses_headers_without_colon_or_name) {
  EXPECT_EQ(fault_of("SEND\ndestination\n\n\0"s), "invalid_message");
  EXPECT_EQ(fault_of("SEND\n:x\n\n\0"s), "invalid_message");
}

TEST(StompFrame, refuses_headers_that_are_not_utf8) {
  EXPECT_EQ(fault_of("SEND\na:\xff\n\n\0"s), "invalid_message");
}

TEST(StompFrame, refuses_a_frame_whose_headers_end_with_nul) {
  EXPECT_EQ(fault_of("CONNECT\naccept-version:1.2\0"s), "invalid_message");
}

TEST(StompFrame, refuses_unknown_commands) {
  for (const std::string command : {"send", "MESSAGE", "CONNECTED", " SEND", "SEND ", "GET / HTTP/1.1"})
    EXPECT_EQ(fault_of(command + "\n\n\0"s), "invalid_message") << command;
}

TEST(StompFrame, refuses_a_body_of_anything_but_a_send) {
  EXPECT_EQ(fault_of("SUBSCRIBE\nid:1\ndestination:/topic/a\n\nbody\0"s), "invalid_message");
  EXPECT_EQ(fault_of("SUBSCRIBE\nid:1\ncontent-length:0\n\n\0"s), "");
}

TEST(StompFrame, keeps_the_headers_of_a_frame_that_it_refuses) {
  Parser parser(limit);
  const std::string bytes = "SUBSCRIBE\nreceipt:7\n\nbody\0"s;
  std::string_view left = bytes;
  EXPECT_EQ(parser.next(left), Got::fault);
  EXPECT_EQ(parser.frame().headers.value("receipt"), "7");
}

TEST(StompFrame, keeps_the_headers_behind_a_bad_one) {
  for (const std::string& frame : {"DANCE\nreceipt:a\\nb\n\n\0"s, "SEND\nbroken\nreceipt:a\\nb\n\n\0"s,
                                   "SEND\na:\\t\nreceipt:a\\nb\n\n\0"s}) {
    Parser parser(limit);
    std::string_view left = frame;
    EXPECT_EQ(parser.next(left), Got::fault);
    EXPECT_EQ(parser.frame().headers.value("receipt"), "a\nb") << frame;
  }
}

TEST(StompFrame, T54c_takes_back_the_escapes_of_its_version) {
  const std::string bytes = "SEND\na\\cb:\\n\\\\\\c\n\n\0"s;
  EXPECT_THAT(read(bytes, 100, Version::v1_2).frames, ElementsAre("1|a:b=\n\\:|"));
  EXPECT_THAT(read(bytes, 100, Version::v1_1).frames, ElementsAre("1|a:b=\n\\:|"));
  EXPECT_THAT(read(bytes, 100, Version::v1_0).frames, ElementsAre("1|a\\cb=\\n\\\\\\c|"));
  EXPECT_THAT(read("SEND\na:\\r\n\n\0"s).frames, ElementsAre("1|a=\r|"));
}

TEST(StompFrame, T54c_refuses_escapes_that_the_version_does_not_have) {
  EXPECT_EQ(fault_of("SEND\na:\\t\n\n\0"s, Version::v1_2), "invalid_message");
  EXPECT_EQ(fault_of("SEND\na:\\\n\n\0"s, Version::v1_2), "invalid_message");
  EXPECT_EQ(fault_of("SEND\na:\\r\n\n\0"s, Version::v1_1), "invalid_message");
  EXPECT_EQ(fault_of("SEND\na:\\t\n\n\0"s, Version::v1_0), "");
}

TEST(StompFrame, takes_no_escapes_out_of_a_connect) {
  Parser parser(limit);
  EXPECT_EQ(frame_of(parser, "CONNECT\npasscode:a\\tb\\c\n\n\0"s).headers.value("passcode"), "a\\tb\\c");
  EXPECT_EQ(frame_of(parser, "STOMP\npasscode:a\\tb\n\n\0"s).command, ClientCommand::connect);
}

TEST(StompFrame, splits_a_header_at_its_first_colon) {
  Parser parser(limit);
  EXPECT_EQ(frame_of(parser, "SEND\na:b:c\n\n\0"s).headers.value("a"), "b:c");
}

TEST(StompFrame, cuts_the_blanks_of_a_connect_of_1_0) {
  Parser older(limit);
  EXPECT_EQ(frame_of(older, "CONNECT\nlogin: a@b.c \n\n\0"s).headers.value("login"), "a@b.c");
  Parser newer(limit);
  EXPECT_EQ(frame_of(newer, "CONNECT\naccept-version:1.2\nlogin: a\n\n\0"s).headers.value("login"), " a");
}

TEST(StompFrame, cuts_the_blanks_of_1_0) {
  Parser parser(limit);
  parser.set_version(Version::v1_0);
  EXPECT_EQ(frame_of(parser, "SEND\ndestination: /topic/a \n\n\0"s).headers.value("destination"), "/topic/a");
  parser.set_version(Version::v1_2);
  EXPECT_EQ(frame_of(parser, "SEND\na: b \n\n\0"s).headers.value("a"), " b ");
}

// ---- writing ----

TEST(StompFrame, writes_a_frame) {
  EXPECT_EQ(FrameWriter(Version::v1_2, "RECEIPT").header("receipt-id", "7").frame(),
            "RECEIPT\nreceipt-id:7\n\n\0"s);
  EXPECT_EQ(FrameWriter(Version::v1_2, "MESSAGE").header("subscription", "s").head(),
            "MESSAGE\nsubscription:s\n");
  EXPECT_EQ(FrameWriter(Version::v1_2, "").header("message-id", "e-1").frame("{}"),
            "message-id:e-1\n\n{}\0"s);
}

TEST(StompFrame, T54c_escapes_so_that_no_value_makes_a_header) {
  const std::string evil = "x\ndestination:/topic/admin\r\\\0"s;
  const auto written = [&](Version version) { return FrameWriter(version, "").header("id", evil).head(); };
  EXPECT_EQ(written(Version::v1_2), "id:x\\ndestination\\c/topic/admin\\r\\\\ \n");
  EXPECT_EQ(written(Version::v1_1), "id:x\\ndestination\\c/topic/admin \\\\ \n");
  EXPECT_EQ(written(Version::v1_0), "id:x destination:/topic/admin \\ \n");
}

}  // namespace
}  // namespace corohub::gateway::stomp
