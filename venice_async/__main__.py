from venice_async.cli import main

raise SystemExit(main())
