"""Runs every benchmark and prints its table."""

import asyncio
import os

from benchmarks import (
    caching,
    coldstart,
    documents,
    embedding,
    load,
    path,
    receiver,
    shared,
    streaming,
    teams,
)

if __name__ == "__main__":
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} at the start\n")
    streaming.main()
    teams.main()
    asyncio.run(caching.main())
    asyncio.run(load.main())
    asyncio.run(receiver.main())
    asyncio.run(path.main())
    asyncio.run(shared.main())
    asyncio.run(embedding.main())
    asyncio.run(documents.main())
    coldstart.main()
    print(f"\nload {os.getloadavg()[0]:.2f} at the end")
