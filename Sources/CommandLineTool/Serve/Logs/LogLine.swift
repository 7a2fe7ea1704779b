import ArgumentParser
import Identifiers
import JSONTree
import Logging

/// How a line of the log is written.
enum LogFormat: String, CaseIterable, ExpressibleByArgument {
  /// `name=value`, quoted as in JSON where a value has blanks, quotes or control characters.
  case logfmt
  /// An object.
  case json

  /// One line without its end: time, level, message, then the metadata in the order of their names.
  func line(
    at time: Timestamp, level: Logger.Level, message: String, metadata: Logger.Metadata
  ) -> String {
    var fields: JSONObject = [
      "time": .string(time.description), "level": .string(level.rawValue), "msg": .string(message),
    ]
    for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
      // The three first are ours: metadata of such a name does not replace them.
      fields[fields[name] == nil ? name : name + "_"] = json(value)
    }
    guard self == .logfmt else { return escaped(JSONValue.object(fields).description) }
    let pairs = fields.members.map { member in
      "\(key(member.name))=\(quotedWhereNeeded(member.value.stringValue ?? member.value.description))"
    }
    return escaped(pairs.joined(separator: " "))
  }

  /// JSON lets control characters above ASCII and other ends of lines stand in a string; a terminal obeys them.
  private func escaped(_ line: String) -> String {
    let isPlain = line.unicodeScalars.allSatisfy { !isControl($0) }
    guard !isPlain else { return line }
    return line.unicodeScalars.reduce(into: "") { text, scalar in
      guard isControl(scalar) else { return text.unicodeScalars.append(scalar) }
      let digits = String(scalar.value, radix: 16)
      text += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
  }

  private func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control || scalar.value == 0x2028
      || scalar.value == 0x2029
  }

  private func json(_ value: Logger.Metadata.Value) -> JSONValue {
    switch value {
    case .string(let text): .string(text)
    case .stringConvertible(let value): number(value) ?? .string(value.description)
    case .array(let values): .array(values.map(json))
    case .dictionary(let members):
      .object(
        members.sorted { $0.key < $1.key }.reduce(into: JSONObject()) {
          $0[$1.key] = json($1.value)
        })
    }
  }

  private func number(_ value: any CustomStringConvertible & Sendable) -> JSONValue? {
    switch value {
    case let value as Int: .integer(Int64(value))
    case let value as Double where value.isFinite: .number(value)
    default: nil
    }
  }

  /// Names come from the program, but a blank or a sign in one would make a line that reads wrongly.
  private func key(_ name: String) -> String {
    String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) ? $0 : "_" })
  }

  private func quotedWhereNeeded(_ text: String) -> String {
    let isPlain =
      !text.isEmpty
      && text.unicodeScalars.allSatisfy { scalar in
        scalar.value > 0x20 && scalar.properties.generalCategory != .control
          && !scalar.properties.isWhitespace && !"\"=\\".unicodeScalars.contains(scalar)
      }
    return isPlain ? text : JSONValue.string(text).description
  }
}
