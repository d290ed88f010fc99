// How fast stain files become pixels: all images of a folder again and again, one line of JSON out.
//   decode-bench FOLDER images|stains THREADS SECONDS PIXELS
// Threads share the images, or the four stains of one image after the other. PIXELS is a file that gets all pixels, in the order of ids.
import Foundation
import HPACore
import HPAImages

let arguments = CommandLine.arguments
guard arguments.count == 6, ["images", "stains"].contains(arguments[2]), let threads = Int(arguments[3]), let seconds = Double(arguments[4])
else {
  FileHandle.standardError.write(Data("decode-bench FOLDER images|stains THREADS SECONDS PIXELS\n".utf8))
  exit(64)
}
let folder = try StainFolder(arguments[1])
let ids = folder.ids()
let (imageThreads, stainThreads) = arguments[2] == "images" ? (threads, 1) : (1, threads)

/// Results are let go at once, as those of a loader are.
func decodeAll() throws {
  _ = try Parallel.map(count: ids.count, threads: imageThreads) { _ = try folder.stack(of: ids[$0], threads: stainThreads) }
}

FreedMemory.keep()
try FileBytes.write(try ids.flatMap { try folder.stack(of: $0).pixels }, to: arguments[5])
try decodeAll()
let clock = ContinuousClock()
let started = clock.now
var times: [Double] = []
while (clock.now - started).seconds < seconds || times.count < 3 {
  times.append(try clock.measure { try decodeAll() }.seconds)
}
times.sort()
print("{\"images_per_second\": \(Double(ids.count) / times[times.count / 2]), \"runs\": \(times.count)}")
