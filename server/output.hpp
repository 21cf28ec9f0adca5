// What the commands print: what was asked for goes to standard output, all else to standard error.
#pragma once

#include <stdexcept>
#include <string_view>

namespace corohub::server {

// Standard output cannot be written. The process exits with 74.
class OutputError : public std::runtime_error {
 public:
  explicit OutputError(int error);
  // Whether the reader of standard output has gone (head, less): then there is nobody to be told.
  bool reader_gone() const noexcept;

 private:
  int error_;
};

// Prints all of the text, now. Throws OutputError.
void print(std::string_view text);
// The same for a server, whose signals wait meanwhile: a full pipe that nobody reads for a second is an
// error, too.
void print_or_give_up(std::string_view text);

// Prints "corohub: …" on standard error, in one line, whatever the text holds. The line is lost when nobody
// reads for a second.
void complain(std::string_view what) noexcept;

}  // namespace corohub::server
