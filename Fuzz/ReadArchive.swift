import Datasets
import Glibc

/// Any bytes as an archive to admit: an error or a pack that can be opened and is whole, never a crash.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let file = unsafe fopen(directory + "/archive", "w") else { return 0 }
  unsafe fwrite(bytes, 1, count, file)
  unsafe fclose(file)
  var limits = AdmissionLimits()
  limits.image.pixelCount = 1 << 16
  limits.totalByteCount = 1 << 22
  limits.entryCount = 100
  let pack = directory + "/pack"
  if (try? admit(source: .archive(path: directory + "/archive"), into: pack, limits: limits)) != nil
  {
    do { try Pack(directory: pack).verify() } catch { fatalError("\(error)") }
    for name in ["pack", "index", "report.json"] { unlink(pack + "/" + name) }
    rmdir(pack)
  }
  return 0
}

private let directory: String = {
  let path = "/tmp/byol-fuzz-archive-\(getpid())"
  mkdir(path, 0o700)
  return path
}()
