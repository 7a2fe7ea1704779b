import ArgumentParser
import Durability

/// Tells a person in a sentence why a command is not done, without the usage that the parser would add.
///
/// - Returns: the exit code to throw: 64 where the command line is at fault, another where what it names is.
func refusal(_ sentence: String, code: ExitCode = .validationFailure) -> ExitCode {
  say("Error: \(sentence)")
  return code
}

/// A file's bytes, for a command that needs them.
///
/// - Throws: an exit code, after a sentence with the path and the system's reason.
func contents(of path: String) throws -> [UInt8] {
  do throws(FileSystemError) {
    return try DiskFileSystem().read(path)
  } catch {
    throw refusal("\(path) cannot be read: \(error.reason).", code: .failure)
  }
}
