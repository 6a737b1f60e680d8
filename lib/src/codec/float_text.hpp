// Floats in text: what JSON and error texts show of them.
#pragma once

#include <string>

namespace fanmill::codec {

/// The shortest decimal that reads as this number again, with a '.' or an exponent, so that it is
/// not taken for an integer: "1.0", "1e+300". Else "nan", "inf" or "-inf".
std::string to_float_text(double value);

}  // namespace fanmill::codec
